import { consumers, type Topic } from '@shop/contracts';
import { MessageBus, type BusMessage, type Delivery, type SubscribeOptions, type Subscription } from '../bus.ts';

interface Reader {
  readonly options: SubscribeOptions;
  readonly inHand: Set<Promise<void>>;
  /** Deliveries it could take now, and those that wait for one of its hands, in order. */
  free: number;
  readonly waiting: (() => void)[];
  closed: boolean;
}

/**
 * The bus of the tests and of the system in one process: no broker, no disk. `publish` resolves when every consumer
 * group that reads the topic (by contracts' `consumers`) has handled the message, waiting for groups that have not come
 * yet: the outbox row is deleted only then, so even this bus loses nothing when the process dies. Instances of one
 * group take keys by turns of their hash. Not bounded by time.
 */
export class MemoryBus extends MessageBus {
  readonly #readers = new Map<string, Reader[]>();
  readonly #arrivals = new Set<() => void>();
  #position = 0;
  #closed = false;

  override async publish(messages: readonly BusMessage[]): Promise<void> {
    await Promise.all(messages.map((message) => this.#deliver(message)));
  }

  override async prove(): Promise<void> {}

  override async subscribe(options: SubscribeOptions): Promise<Subscription> {
    const reader: Reader = { options, inHand: new Set(), free: options.maxInFlight, waiting: [], closed: false };
    this.#readers.set(options.group, [...(this.#readers.get(options.group) ?? []), reader]);
    for (const arrived of this.#arrivals) arrived();
    return {
      idleMs: () => 0,
      close: async () => {
        reader.closed = true;
        for (const turn of reader.waiting.splice(0)) turn();
        const left = (this.#readers.get(options.group) ?? []).filter((other) => other !== reader);
        this.#readers.set(options.group, left);
        await Promise.allSettled(reader.inHand);
      },
    };
  }

  override async close(): Promise<void> {
    this.#closed = true;
    for (const arrived of this.#arrivals) arrived();
  }

  async #deliver(message: BusMessage): Promise<void> {
    const id = `${message.topic}:0:${this.#position++}`;
    const delivery: Delivery = {
      id,
      topic: message.topic,
      key: message.key,
      value: message.value,
      headers: message.headers ?? {},
    };
    await Promise.all(this.#groupsOf(message.topic).map((group) => this.#handle(group, delivery)));
  }

  #groupsOf(topic: string): string[] {
    const expected = Object.entries(consumers).filter(([, topics]) =>
      (topics as readonly Topic[]).includes(topic as Topic),
    );
    const present = [...this.#readers].filter(([, readers]) =>
      readers.some((reader) => reader.options.topics.includes(topic)),
    );
    return [...new Set([...expected, ...present].map(([group]) => group))];
  }

  /** Until one instance of the group has handled it; one that closes or fails hands it to the next. */
  async #handle(group: string, delivery: Delivery): Promise<void> {
    while (!this.#closed) {
      const reader = await this.#readerOf(group, delivery.key ?? delivery.id);
      if (!reader) break;
      if (reader.free === 0) await new Promise<void>((resolve) => reader.waiting.push(resolve));
      else reader.free--;
      if (reader.closed) continue;
      const handled = reader.options.handle(delivery);
      reader.inHand.add(handled);
      try {
        return await handled;
      } catch {
        await new Promise((resolve) => setImmediate(resolve));
      } finally {
        reader.inHand.delete(handled);
        // Handed on rather than freed, so that nobody who comes later gets it first.
        const next = reader.waiting.shift();
        if (next) next();
        else reader.free++;
      }
    }
    throw new Error('the bus was closed before every group had handled the message');
  }

  async #readerOf(group: string, key: string): Promise<Reader | undefined> {
    while (!this.#closed) {
      const readers = this.#readers.get(group)?.filter((reader) => !reader.closed) ?? [];
      if (readers.length > 0) return readers[hash(key) % readers.length];
      await new Promise<void>((resolve) => {
        const arrived = () => {
          this.#arrivals.delete(arrived);
          resolve();
        };
        this.#arrivals.add(arrived);
      });
    }
    return undefined;
  }
}

const hash = (key: string) => [...key].reduce((sum, char) => (sum * 31 + (char.codePointAt(0) ?? 0)) >>> 0, 7);
