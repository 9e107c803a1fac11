import { setTimeout as sleep } from 'node:timers/promises';
import type { Consumer, EachBatchPayload, IHeaders, Kafka, KafkaMessage } from 'kafkajs';
import { atMost } from '../at-most.ts';
import type { Behind, SubscribeOptions, Subscription } from '../bus.ts';
import type { Log } from '../consumer-runtime.ts';
import { FETCH_BYTES } from '../kafka/connection.ts';
import { GroupWatch } from '../kafka/group-watch.ts';
import { InHand } from '../kafka/in-hand.ts';
import { bySubscription } from './by-subscription.ts';
import { KafkajsView } from './kafkajs-view.ts';

const REOPEN_AFTER_MS = 500;
const HEARTBEAT_MS = 1_500;
const FINISH_DEADLINE_MS = 10_000;
const LEAVE_DEADLINE_MS = 3_000;
/**
 * kafkajs is known to stop reading while its process lives: a member that has fetched nothing for so long is replaced.
 */
const STALLED_AFTER_MS = 20_000;
/**
 * How old what it knows of its topics may be: a member that hears of more partitions has its group find together again.
 */
const METADATA_MAX_AGE_MS = 5_000;

/** One group member, replaced whenever it stops by itself or falls silent. */
export class KafkajsSubscription implements Subscription {
  readonly #kafka: Kafka;
  readonly #log: Log;
  readonly #options: SubscribeOptions;
  readonly #forget: () => void;
  readonly #inHand: InHand;
  readonly #topics: GroupWatch;
  #consumer: Consumer | undefined;
  #assigned: Readonly<Record<string, readonly number[]>> = {};
  #lastPoll = performance.now();
  #watch: NodeJS.Timeout | undefined;
  #closed: Promise<void> | undefined;

  /** `forget`: called when it is closed. */
  constructor(kafka: Kafka, log: Log, options: SubscribeOptions, forget: () => void) {
    this.#forget = forget;
    this.#kafka = kafka;
    this.#log = log;
    this.#options = options;
    const isMine = (topic: string, partition: number) => this.#assigned[topic]?.includes(partition) ?? false;
    const topics = (this.#topics = new GroupWatch({
      view: new KafkajsView(kafka),
      subscribed: options,
      log,
      isMine,
      grown: () => {},
    }));
    this.#inHand = new InHand({
      subscribed: options,
      log,
      isMine,
      took: (topic, partition, offset) => topics.took(topic, partition, offset),
      jumped: (topic, partition, from) => topics.jumped(topic, partition, from),
      commit: async (positions) =>
        this.#consumer?.commitOffsets(
          positions.map(({ topic, partition, offset }) => ({ topic, partition, offset: String(offset) })),
        ),
      committed: (partitions) => this.#committed(partitions),
    });
  }

  idleMs(): number {
    return performance.now() - this.#lastPoll;
  }

  get unread(): number {
    return this.#topics.unread;
  }

  get behind(): Behind {
    return this.#topics.behind;
  }

  /** Joins the group and reads, or tries again: nobody waits for a broker that is away. */
  open(): void {
    const { group, topics } = this.#options;
    const consumer = this.#kafka.consumer({
      groupId: group,
      partitionAssigners: [bySubscription],
      sessionTimeout: 6_000,
      rebalanceTimeout: 8_000,
      heartbeatInterval: HEARTBEAT_MS,
      maxWaitTimeInMs: 1_000,
      maxBytes: FETCH_BYTES,
      metadataMaxAge: METADATA_MAX_AGE_MS,
      allowAutoTopicCreation: false,
      // What kafkajs cannot mend by itself is mended here, by a new member.
      retry: { initialRetryTime: 200, maxRetryTime: 1_000, retries: 10, restartOnFailure: async () => false },
    });
    this.#consumer = consumer;
    this.#inHand.startOver();
    this.#topics.start();
    this.#assigned = {};
    const { CRASH, FETCH, GROUP_JOIN, HEARTBEAT } = consumer.events;
    consumer.on(GROUP_JOIN, ({ payload: { memberAssignment } }) => {
      this.#assigned = memberAssignment;
      this.#topics.startOver();
      this.#inHand.reassigned();
      this.#topics.joined();
    });
    consumer.on(CRASH, ({ payload }) => void this.#replace(consumer, payload.error));
    for (const sign of [FETCH, HEARTBEAT]) consumer.on(sign, () => (this.#lastPoll = performance.now()));
    this.#watch ??= setInterval(() => {
      if (this.idleMs() > STALLED_AFTER_MS && this.#consumer)
        void this.#replace(this.#consumer, new Error('fetches nothing any more'));
    }, REOPEN_AFTER_MS).unref();
    this.#run(consumer, [...topics]).catch((error: Error) => this.#replace(consumer, error));
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#close().finally(this.#forget));
  }

  async #run(consumer: Consumer, topics: string[]): Promise<void> {
    // kafkajs commits where it goes on after a loss before it gives a message out: afterwards nobody could tell where
    // the group stood.
    await this.#topics.look();
    await consumer.connect();
    await consumer.subscribe({ topics, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      partitionsConsumedConcurrently: 3,
      eachBatch: (payload) => this.#take(payload),
    });
  }

  async #close(): Promise<void> {
    clearInterval(this.#watch);
    await atMost(FINISH_DEADLINE_MS, this.#inHand.finish());
    await Promise.all([
      atMost(LEAVE_DEADLINE_MS, this.#consumer?.disconnect()),
      atMost(LEAVE_DEADLINE_MS, this.#topics.close()),
    ]);
  }

  async #replace(consumer: Consumer, error: Error): Promise<void> {
    if (this.#closed || consumer !== this.#consumer) return;
    this.#log.warn({ err: error, group: this.#options.group }, 'kafka consumer failed; joining anew');
    this.#consumer = undefined;
    this.#lastPoll = performance.now();
    await atMost(LEAVE_DEADLINE_MS, consumer.disconnect());
    await sleep(REOPEN_AFTER_MS);
    if (!this.#closed) this.open();
  }

  /** A consumer of kafkajs cannot say it. */
  async #committed(partitions: readonly { topic: string; partition: number }[]) {
    const admin = this.#kafka.admin();
    try {
      await admin.connect();
      const told = await admin.fetchOffsets({
        groupId: this.#options.group,
        topics: [...new Set(partitions.map(({ topic }) => topic))],
      });
      return told.flatMap(({ topic, partitions }) =>
        partitions.map(({ partition, offset }) => ({ topic, partition, offset: BigInt(offset) })),
      );
    } finally {
      await admin.disconnect();
    }
  }

  /** Hands the messages of a batch out as hands come free; what is in hand may outlive the batch. */
  async #take({ batch, heartbeat, isRunning, isStale }: EachBatchPayload): Promise<void> {
    for (const message of batch.messages) {
      while (this.#inHand.isFull) {
        await this.#inHand.oneDone(HEARTBEAT_MS);
        await heartbeat();
      }
      if (this.#closed || !isRunning() || isStale()) return;
      this.#accept(batch.topic, batch.partition, message);
    }
    await heartbeat();
  }

  #accept(topic: string, partition: number, { key, value, headers, offset }: KafkaMessage): void {
    this.#inHand.accept({
      topic,
      partition,
      offset: BigInt(offset),
      key: key?.toString(),
      value: value?.toString(),
      headers: texts(headers),
    });
  }
}

function texts(headers: IHeaders | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name, String(value)]));
}
