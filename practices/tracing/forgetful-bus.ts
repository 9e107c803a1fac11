import { MessageBus, type BusMessage, type End, type SubscribeOptions, type Subscription } from '@shop/eventing';

/**
 * Carries messages as they are but for their trace: what one has who traces requests only, and never thought of
 * messages.
 */
export class ForgetfulBus extends MessageBus {
  readonly #bus: MessageBus;

  constructor(bus: MessageBus) {
    super();
    this.#bus = bus;
  }

  override publish(messages: readonly BusMessage[]): Promise<void> {
    return this.#bus.publish(messages.map((message) => ({ ...message, value: withoutTrace(message.value) })));
  }

  override prove(): Promise<void> {
    return this.#bus.prove();
  }

  override subscribe(options: SubscribeOptions): Promise<Subscription> {
    return this.#bus.subscribe(options);
  }

  override end(group: string, topics: readonly string[]): Promise<End> {
    return this.#bus.end(group, topics);
  }

  override close(): Promise<void> {
    return this.#bus.close();
  }
}

function withoutTrace(value: string): string {
  const { traceparent: _, ...rest } = JSON.parse(value) as Record<string, unknown>;
  return JSON.stringify(rest);
}
