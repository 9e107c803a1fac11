import { setTimeout as sleep } from 'node:timers/promises';
import type { Channel, ChannelModel, ConsumeMessage, Message } from 'amqplib';
import { atMost } from '../at-most.ts';
import type { Delivery, SubscribeOptions, Subscription } from '../bus.ts';
import { connect, type RabbitBusOptions } from './connection.ts';
import { declareGroup, LANES, membersOf, queueOf } from './topology.ts';

const BALANCE_EVERY_MS = 1_000;
const REOPEN_AFTER_MS = 500;
/** How long closing waits for what is in hand, and how long for the broker to be told. */
const FINISH_DEADLINE_MS = 10_000;
const LEAVE_DEADLINE_MS = 3_000;

/** A header of the broker's own, which nobody has sent: how often the message has come before. */
const DELIVERIES = 'x-delivery-count';

/**
 * A queue of the group that this instance reads, on a channel of its own: what is unacknowledged there goes back to its
 * place when it closes.
 */
interface Lane {
  readonly number: number;
  readonly channel: Channel;
  readonly inHand: Set<Promise<unknown>>;
  state: 'open' | 'leaving' | 'closed';
}

/**
 * One instance of a group: reads its share of the group's lanes over a connection that is made anew whenever it ends.
 */
export class RabbitSubscription implements Subscription {
  readonly #rabbit: RabbitBusOptions;
  readonly #options: SubscribeOptions;
  readonly #lanes = new Map<number, Lane>();
  readonly #inHand = new Set<Promise<unknown>>();
  /** Lanes that nobody read when they were last looked at. */
  readonly #unread = new Set<number>();
  readonly #closing = new AbortController();
  #waiting: { lane: Lane; message: ConsumeMessage }[] = [];
  #lastAnswer = performance.now();
  #running: Promise<void> | undefined;
  readonly #forget: () => void;
  #closed: Promise<void> | undefined;

  /** `forget`: called when it is closed. */
  constructor(rabbit: RabbitBusOptions, options: SubscribeOptions, forget: () => void) {
    this.#forget = forget;
    this.#rabbit = rabbit;
    this.#options = options;
  }

  idleMs(): number {
    return performance.now() - this.#lastAnswer;
  }

  /** Connects and reads, again and again: nobody waits for a broker that is away. */
  open(): void {
    this.#running ??= this.#run();
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#close().finally(this.#forget));
  }

  async #close(): Promise<void> {
    this.#closing.abort();
    await atMost(FINISH_DEADLINE_MS + 2 * LEAVE_DEADLINE_MS, this.#running);
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        await this.#session();
      } catch (error) {
        if (signal.aborted) return;
        this.#rabbit.log.warn(
          { err: error as Error, group: this.#options.group },
          'rabbitmq consumer lost its connection; connecting anew',
        );
        await this.#pause(REOPEN_AFTER_MS);
      }
    }
  }

  /** One connection's life. What was in hand when it ended comes again, to whoever is next. */
  async #session(): Promise<void> {
    const { group, topics } = this.#options;
    const connection = await connect(this.#rabbit);
    try {
      const control = await connection.createChannel();
      control.on('error', () => {});
      await declareGroup(control, group, topics);
      await control.assertQueue(membersOf(group), { durable: true, autoDelete: true });
      await control.consume(membersOf(group), () => {});
      for (; !this.#closing.signal.aborted; await this.#pause(BALANCE_EVERY_MS))
        await this.#balance(connection, control);
    } finally {
      if (this.#closing.signal.aborted) await this.#leave();
      for (const lane of this.#lanes.values()) lane.state = 'closed';
      this.#lanes.clear();
      await atMost(LEAVE_DEADLINE_MS, connection.close());
    }
  }

  /**
   * Finishes what is in hand and closes lane by lane. Each channel has its own way into the connection, and the end of
   * the connection overtakes what others have not sent: only a channel that has been told it is closed has had all its
   * acknowledgements taken.
   */
  async #leave(): Promise<void> {
    await atMost(FINISH_DEADLINE_MS, Promise.allSettled(this.#inHand));
    const closed = [...this.#lanes.values()].map(async ({ channel }) => channel.close());
    await atMost(LEAVE_DEADLINE_MS, Promise.allSettled(closed));
  }

  /**
   * Gives back a lane that is over the fair share, and takes lanes that nobody reads: up to the share at once, beyond
   * it when nobody else has come for them either. Should two take the same one, the broker lets only the first of them
   * read.
   */
  async #balance(connection: ChannelModel, control: Channel): Promise<void> {
    const { group } = this.#options;
    const consumersOf = async (queue: string) => (await control.checkQueue(queue)).consumerCount;
    const share = Math.ceil(LANES / Math.max(1, await consumersOf(membersOf(group))));
    this.#lastAnswer = performance.now();
    const held = [...this.#lanes.values()];
    if (held.length > share) return this.#giveBack(held[Math.floor(Math.random() * held.length)]);
    for (let number = 0; number < LANES; number++) {
      if (this.#lanes.has(number)) continue;
      const free = (await consumersOf(queueOf(group, number))) === 0;
      if (free && (this.#lanes.size < share || this.#unread.has(number))) await this.#take(connection, number);
      if (free) this.#unread.add(number);
      else this.#unread.delete(number);
    }
  }

  async #take(connection: ChannelModel, number: number): Promise<void> {
    const channel = await connection.createChannel();
    const lane: Lane = { number, channel, inHand: new Set(), state: 'open' };
    channel.on('error', (error: Error) =>
      this.#rabbit.log.warn({ err: error, group: this.#options.group, lane: number }, 'rabbitmq channel failed'),
    );
    channel.on('close', () => {
      lane.state = 'closed';
      if (this.#lanes.get(number) === lane) this.#lanes.delete(number);
    });
    this.#lanes.set(number, lane);
    await channel.prefetch(this.#options.maxInFlight);
    // Without a message: the queue is gone, or its leader is elsewhere.
    await channel.consume(queueOf(this.#options.group, number), (message) =>
      message ? this.#accept(lane, message) : this.#giveBack(lane),
    );
  }

  /** Takes nothing more of a lane, waits for what is in hand of it, and closes it: the rest goes back in order. */
  #giveBack(lane: Lane | undefined): void {
    if (lane?.state !== 'open') return;
    lane.state = 'leaving';
    void Promise.allSettled(lane.inHand)
      .then(() => lane.channel.close())
      .catch(() => {});
  }

  #accept(lane: Lane, message: ConsumeMessage): void {
    this.#lastAnswer = performance.now();
    if (this.#inHand.size >= this.#options.maxInFlight) this.#waiting.push({ lane, message });
    else this.#hand(lane, message);
  }

  #hand(lane: Lane, message: ConsumeMessage): void {
    if (this.#closing.signal.aborted || lane.state !== 'open') return;
    const work: Promise<unknown> = this.#options
      .handle(deliveryOf(message))
      // A message that was not handled keeps its place before its successors, so all of them go back.
      .then(
        () => lane.state !== 'closed' && lane.channel.ack(message),
        () => this.#giveBack(lane),
      )
      // The lane has closed meanwhile: the message comes again, and the inbox knows it.
      .catch(() => {})
      .finally(() => {
        this.#inHand.delete(work);
        lane.inHand.delete(work);
        this.#next();
      });
    this.#inHand.add(work);
    lane.inHand.add(work);
  }

  #next(): void {
    while (this.#inHand.size < this.#options.maxInFlight && this.#waiting.length > 0) {
      const { lane, message } = this.#waiting.shift()!;
      this.#hand(lane, message);
    }
  }

  async #pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#closing.signal }).catch(() => {});
  }
}

/** A message as it arrived, whoever reads it. */
export function deliveryOf({ content, fields, properties }: Message): Delivery {
  return {
    id: `${fields.exchange}:${fields.routingKey}:${properties.messageId}`,
    topic: fields.exchange,
    key: (properties.correlationId as string | undefined) ?? undefined,
    value: content.toString(),
    headers: Object.fromEntries(
      Object.entries(properties.headers ?? {}).flatMap(([name, value]) =>
        name === DELIVERIES ? [] : [[name, String(value)]],
      ),
    ),
  };
}
