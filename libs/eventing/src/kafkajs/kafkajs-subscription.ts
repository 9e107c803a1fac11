import { setTimeout as sleep } from 'node:timers/promises';
import type { Consumer, EachBatchPayload, IHeaders, Kafka, KafkaMessage } from 'kafkajs';
import { atMost } from '../at-most.ts';
import type { SubscribeOptions, Subscription } from '../bus.ts';
import type { Log } from '../consumer-runtime.ts';
import { Offsets } from '../kafka/offsets.ts';

const COMMIT_EVERY_MS = 50;
const REOPEN_AFTER_MS = 500;
const HEARTBEAT_MS = 1_500;
const FINISH_DEADLINE_MS = 10_000;
const LEAVE_DEADLINE_MS = 3_000;
/** kafkajs is known to stop reading while its process lives: a member that has fetched nothing for so long is replaced. */
const STALLED_AFTER_MS = 20_000;

/** One group member, replaced whenever it stops by itself or falls silent. */
export class KafkajsSubscription implements Subscription {
  readonly #kafka: Kafka;
  readonly #log: Log;
  readonly #options: SubscribeOptions;
  readonly #offsets = new Map<string, Offsets>();
  readonly #inHand = new Set<Promise<void>>();
  #consumer: Consumer | undefined;
  #lastPoll = Date.now();
  #watch: NodeJS.Timeout | undefined;
  #closed: Promise<void> | undefined;
  #committing: Promise<void> | undefined;

  constructor(kafka: Kafka, log: Log, options: SubscribeOptions) {
    this.#kafka = kafka;
    this.#log = log;
    this.#options = options;
  }

  idleMs(): number {
    return Date.now() - this.#lastPoll;
  }

  /** Joins the group and reads, or tries again: nobody waits for a broker that is away. */
  open(): void {
    const { group, topics } = this.#options;
    const consumer = this.#kafka.consumer({
      groupId: group,
      sessionTimeout: 6_000,
      rebalanceTimeout: 15_000,
      heartbeatInterval: HEARTBEAT_MS,
      maxWaitTimeInMs: 1_000,
      allowAutoTopicCreation: false,
      // What kafkajs cannot mend by itself is mended here, by a new member.
      retry: { initialRetryTime: 200, maxRetryTime: 1_000, retries: 10, restartOnFailure: async () => false },
    });
    this.#consumer = consumer;
    this.#offsets.clear();
    const { CRASH, FETCH, GROUP_JOIN, HEARTBEAT } = consumer.events;
    // Partitions that went to others are theirs to commit.
    consumer.on(GROUP_JOIN, ({ payload: { memberAssignment } }) => {
      for (const lane of this.#offsets.keys()) {
        const [topic = '', partition] = lane.split(':');
        if (!memberAssignment[topic]?.includes(Number(partition))) this.#offsets.delete(lane);
      }
    });
    consumer.on(CRASH, ({ payload }) => void this.#replace(consumer, payload.error));
    for (const sign of [FETCH, HEARTBEAT]) consumer.on(sign, () => (this.#lastPoll = Date.now()));
    this.#watch ??= setInterval(() => {
      if (this.idleMs() > STALLED_AFTER_MS && this.#consumer) void this.#replace(this.#consumer, new Error('fetches nothing any more'));
    }, REOPEN_AFTER_MS).unref();
    this.#run(consumer, [...topics]).catch((error: Error) => this.#replace(consumer, error));
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#close());
  }

  async #run(consumer: Consumer, topics: string[]): Promise<void> {
    await consumer.connect();
    await consumer.subscribe({ topics, fromBeginning: true });
    await consumer.run({ autoCommit: false, partitionsConsumedConcurrently: 3, eachBatch: (payload) => this.#take(consumer, payload) });
  }

  async #close(): Promise<void> {
    clearInterval(this.#watch);
    await atMost(FINISH_DEADLINE_MS, this.#finish());
    await atMost(LEAVE_DEADLINE_MS, this.#consumer?.disconnect());
  }

  async #finish(): Promise<void> {
    await Promise.allSettled(this.#inHand);
    await this.#committing;
    if (this.#consumer) await this.#commit(this.#consumer);
  }

  async #replace(consumer: Consumer, error: Error): Promise<void> {
    if (this.#closed || consumer !== this.#consumer) return;
    this.#log.warn({ err: error, group: this.#options.group }, 'kafka consumer failed; joining anew');
    this.#consumer = undefined;
    this.#lastPoll = Date.now();
    await atMost(LEAVE_DEADLINE_MS, consumer.disconnect());
    await sleep(REOPEN_AFTER_MS);
    if (!this.#closed) this.open();
  }

  /** Hands the messages of a batch out as hands come free; what is in hand may outlive the batch. */
  async #take(consumer: Consumer, { batch, heartbeat, isRunning, isStale }: EachBatchPayload): Promise<void> {
    for (const message of batch.messages) {
      while (this.#inHand.size >= this.#options.maxInFlight) {
        await Promise.race([...this.#inHand, sleep(HEARTBEAT_MS)]);
        await heartbeat();
      }
      if (this.#closed || !isRunning() || isStale()) return;
      this.#accept(consumer, batch.topic, batch.partition, message);
    }
    await heartbeat();
  }

  #accept(consumer: Consumer, topic: string, partition: number, { key, value, headers, offset }: KafkaMessage): void {
    const lane = `${topic}:${partition}`;
    let offsets = this.#offsets.get(lane);
    if (!offsets) this.#offsets.set(lane, (offsets = new Offsets()));
    const handled = offsets.add(BigInt(offset));
    const work = this.#options
      .handle({ id: `${lane}:${offset}`, topic, key: key?.toString(), value: value?.toString(), headers: texts(headers) })
      .then(handled, () => {})
      .finally(() => {
        this.#inHand.delete(work);
        this.#committing ??= this.#commitAll(consumer);
      });
    this.#inHand.add(work);
  }

  /** One commit at a time; a failed one is tried again, with what has been handled since. */
  async #commitAll(consumer: Consumer): Promise<void> {
    await sleep(COMMIT_EVERY_MS);
    while (!this.#closed && consumer === this.#consumer && this.#handled().length > 0) {
      try {
        await this.#commit(consumer);
        await sleep(COMMIT_EVERY_MS);
      } catch (error) {
        // Nothing is lost: what was not committed is delivered again, and the inbox knows it.
        this.#log.warn({ err: error, group: this.#options.group }, 'offsets could not be committed; trying again');
        await sleep(REOPEN_AFTER_MS);
      }
    }
    this.#committing = undefined;
  }

  async #commit(consumer: Consumer): Promise<void> {
    const offsets = this.#handled();
    if (offsets.length === 0) return;
    await consumer.commitOffsets(offsets.map(({ topic, partition, offset }) => ({ topic, partition, offset: String(offset) })));
    for (const { topic, partition, offset } of offsets) this.#offsets.get(`${topic}:${partition}`)?.committed(offset);
  }

  #handled() {
    return [...this.#offsets].flatMap(([lane, { next }]) => {
      const [topic = '', partition] = lane.split(':');
      return next === undefined ? [] : [{ topic, partition: Number(partition), offset: next }];
    });
  }
}

function texts(headers: IHeaders | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name, String(value)]));
}
