import { Outbox, seal, type BusMessage, type MessageBus, type Outgoing } from '@shop/eventing';
import type { Transaction } from '@shop/platform';

/**
 * Without an outbox: the messages of one command are kept in memory and published when its transaction is committed. It
 * is as careful as it can be: nothing is published that was rolled back, and the client gets no answer before the
 * broker has acknowledged.
 */
export class PublishAfterCommit extends Outbox {
  readonly #bus: MessageBus;
  readonly #messages: BusMessage[] = [];
  #published: Promise<void> | undefined;

  constructor(bus: MessageBus) {
    super();
    this.#bus = bus;
  }

  override async add(_tx: Transaction, messages: readonly Outgoing[]): Promise<void> {
    this.#messages.push(
      ...messages.map((message) => seal(message)).map(({ topic, key, payload }) => ({ topic, key, value: payload })),
    );
  }

  override wake(): void {
    this.#published = this.#bus.publish(this.#messages);
  }

  /** Resolves when the broker has everything. */
  async published(): Promise<void> {
    await this.#published;
  }
}
