import { MessageBus, type BusMessage, type End, type SubscribeOptions, type Subscription } from '@shop/eventing';

/**
 * A bus whose topics and groups carry a prefix on the broker, so that each round has its own and the code under test
 * does not know.
 */
export class NamespacedBus extends MessageBus {
  readonly #bus: MessageBus;
  readonly #prefix: string;

  constructor(bus: MessageBus, prefix: string) {
    super();
    this.#bus = bus;
    this.#prefix = prefix;
  }

  override publish(messages: readonly BusMessage[]): Promise<void> {
    return this.#bus.publish(messages.map((message) => ({ ...message, topic: this.#prefix + message.topic })));
  }

  override prove(): Promise<void> {
    return this.#bus.prove();
  }

  override subscribe(options: SubscribeOptions): Promise<Subscription> {
    return this.#bus.subscribe({
      ...options,
      group: this.#prefix + options.group,
      topics: options.topics.map((topic) => this.#prefix + topic),
      handle: (delivery) => options.handle({ ...delivery, topic: delivery.topic.slice(this.#prefix.length) }),
    });
  }

  override end(group: string, topics: readonly string[]): Promise<End> {
    return this.#bus.end(
      this.#prefix + group,
      topics.map((topic) => this.#prefix + topic),
    );
  }

  override close(): Promise<void> {
    return this.#bus.close();
  }
}
