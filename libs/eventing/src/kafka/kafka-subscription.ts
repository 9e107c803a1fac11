import { setTimeout as sleep } from 'node:timers/promises';
import {
  Consumer,
  MessagesStreamFallbackModes,
  MessagesStreamModes,
  stringDeserializers,
  type GroupPartitionsAssigner,
  type Message,
  type MessagesStream,
} from '@platformatic/kafka';
import { atMost } from '../at-most.ts';
import type { Behind, SubscribeOptions, Subscription } from '../bus.ts';
import { AdminView } from './admin-view.ts';
import { assign } from './assignor.ts';
import { connection, FETCH_BYTES, type KafkaBusOptions } from './connection.ts';
import { GroupWatch } from './group-watch.ts';
import { InHand } from './in-hand.ts';

const REOPEN_AFTER_MS = 500;
/** How long closing waits for what is in hand and its commit, and how long for the broker to be told. */
const FINISH_DEADLINE_MS = 10_000;
const LEAVE_DEADLINE_MS = 3_000;
/** Longer than the client asks again by itself. */
const COMMIT_DEADLINE_MS = 20_000;
/** A stream that has fetched nothing for so long while the broker fails is opened anew. */
const STALLED_AFTER_MS = 30_000;

type Text = string;
type Member = Consumer<Text, Text, Text, Text>;

/** One group member: a stream that is opened again whenever it ends by itself. */
export class KafkaSubscription implements Subscription {
  readonly #kafka: KafkaBusOptions;
  readonly #options: SubscribeOptions;
  readonly #forget: () => void;
  readonly #inHand: InHand;
  readonly #watch: GroupWatch;
  #consumer: Member | undefined;
  #stream: MessagesStream<Text, Text, Text, Text> | undefined;
  #lastPoll = performance.now();
  /** When the broker last answered, whether or not there was anything. */
  #lastAnswer = performance.now();
  #closed: Promise<void> | undefined;

  /** `forget`: called when it is closed. */
  constructor(kafka: KafkaBusOptions, options: SubscribeOptions, forget: () => void) {
    this.#forget = forget;
    this.#kafka = kafka;
    this.#options = options;
    const isMine = (topic: string, partition: number) =>
      this.#consumer?.assignments?.some((mine) => mine.topic === topic && mine.partitions.includes(partition)) ?? false;
    const grown = () => void (this.#consumer && this.#reopen(this.#consumer));
    const watch = (this.#watch = new GroupWatch({
      view: new AdminView(kafka),
      subscribed: options,
      log: kafka.log,
      isMine,
      grown,
    }));
    this.#inHand = new InHand({
      subscribed: options,
      log: kafka.log,
      isMine,
      took: (topic, partition, offset) => watch.took(topic, partition, offset),
      jumped: (topic, partition, from) => watch.jumped(topic, partition, from),
      commit: (positions) => this.#answered('a commit', (consumer) => consumer.commit({ offsets: [...positions] })),
      committed: (partitions) =>
        this.#answered('a question for what is committed', (consumer) => committed(consumer, partitions)),
    });
  }

  idleMs(): number {
    return performance.now() - this.#lastPoll;
  }

  get unread(): number {
    return this.#watch.unread;
  }

  get behind(): Behind {
    return this.#watch.behind;
  }

  /** Joins the group and reads, or tries again: nobody waits for a broker that is away. */
  open(): void {
    const { group, topics } = this.#options;
    const consumer = new Consumer<Text, Text, Text, Text>({
      ...connection(this.#kafka),
      groupId: group,
      deserializers: stringDeserializers,
      autocommit: false,
      partitionAssigner: bySubscription,
      // The least that Kafka allows: how long the keys of a killed instance wait.
      sessionTimeout: 6_000,
      rebalanceTimeout: 8_000,
      heartbeatInterval: 1_500,
      maxWaitTime: 1_000,
      minBytes: 1,
      maxBytes: FETCH_BYTES,
      // What does not mend itself in a few seconds is mended by a new member: see #reopen.
      retries: 10,
      retryDelay: 300,
    });
    this.#consumer = consumer;
    this.#inHand.startOver();
    this.#watch.start();
    const failed = (error: Error) => {
      this.#kafka.log.warn({ err: error, group }, 'kafka consumer failed; joining anew');
      void this.#reopen(consumer);
    };
    // The group could not be joined again: the stream would go on reading as if nothing had happened. Without a
    // listener this ends the process.
    consumer.on('error', failed);
    // Who is told that nobody is there has asked, and asks again: a broker that is away makes nobody stuck. But a
    // stream that has died while its member goes on asking is not alive by that: it is opened anew.
    consumer.on('client:broker:failed', () => {
      const unheardMs = performance.now() - this.#lastAnswer;
      this.#lastPoll = performance.now();
      if (this.#stream && unheardMs > STALLED_AFTER_MS)
        failed(new Error(`nothing was fetched for ${Math.round(unheardMs)} ms`));
    });
    consumer.on('consumer:group:join', () => {
      this.#watch.startOver();
      this.#inHand.reassigned();
      void this.#joined(consumer);
    });
    // Where there is nothing to fetch, no partition or no free hand, the group's coordinator is who answers.
    consumer.on('consumer:heartbeat:end', () => {
      if (this.#stream?.isPaused() || !consumer.assignments?.some(({ partitions }) => partitions.length > 0))
        this.#heard();
    });
    const options = {
      topics: [...topics],
      mode: MessagesStreamModes.COMMITTED,
      // A group that has never committed begins with the oldest message: nothing that was said before it came is
      // missed.
      fallbackMode: MessagesStreamFallbackModes.EARLIEST,
      highWaterMark: this.#options.maxInFlight,
    };
    // By callback, because a stream may fail before a promise of it could be awaited.
    consumer.consume(options, (error, stream) => (error ? failed(error) : this.#read(consumer, stream!)));
  }

  close(): Promise<void> {
    return (this.#closed ??= this.#close().finally(this.#forget));
  }

  async #close(): Promise<void> {
    this.#stream?.pause();
    await atMost(FINISH_DEADLINE_MS, this.#inHand.finish());
    await Promise.all([
      atMost(LEAVE_DEADLINE_MS, this.#consumer?.close(true)),
      atMost(LEAVE_DEADLINE_MS, this.#watch.close()),
    ]);
  }

  /** With what it has just been told of its topics: by that partitions are given out, if it is the one to do so. */
  async #joined(consumer: Member): Promise<void> {
    const told = await consumer.metadata({ topics: [...this.#options.topics] }).catch(() => undefined);
    if (consumer === this.#consumer)
      this.#watch.joined(
        told && new Map([...told.topics].map(([name, { partitionsCount }]) => [name, partitionsCount])),
      );
  }

  /**
   * What is asked for while its group finds together may never be answered (seen after a broker was away); then nothing
   * would be committed any more.
   */
  async #answered<T>(what: string, ask: (consumer: Member) => Promise<T>): Promise<T> {
    const consumer = this.#consumer;
    if (!consumer) throw new Error('there is no member at the moment');
    const late = sleep(this.#kafka.commitDeadlineMs ?? COMMIT_DEADLINE_MS, 'late' as const, { ref: false });
    const answer = await Promise.race([ask(consumer), late]);
    if (answer !== 'late') return answer;
    void this.#reopen(consumer);
    throw new Error(`${what} was never answered; joining anew`);
  }

  async #reopen(consumer: Member): Promise<void> {
    if (this.#closed || consumer !== this.#consumer) return;
    this.#consumer = undefined;
    this.#stream = undefined;
    await atMost(LEAVE_DEADLINE_MS, consumer.close(true));
    await sleep(REOPEN_AFTER_MS);
    if (!this.#closed) this.open();
  }

  #read(consumer: Member, stream: MessagesStream<Text, Text, Text, Text>): void {
    const { group } = this.#options;
    stream.on('error', (error) => this.#kafka.log.warn({ err: error, group }, 'kafka stream failed'));
    if (this.#closed || consumer !== this.#consumer) return void stream.close().catch(() => {});
    this.#stream = stream;
    this.#heard();
    stream.on('fetch', () => this.#heard());
    stream.on('close', () => void this.#reopen(consumer));
    stream.on('data', (message) => this.#accept(message));
  }

  #heard(): void {
    this.#lastPoll = this.#lastAnswer = performance.now();
  }

  #accept({ topic, partition, offset, leaderEpoch, key, value, headers }: Message<Text, Text, Text, Text>): void {
    const resume = () => {
      if (!this.#closed && !this.#inHand.isFull && this.#stream?.isPaused()) this.#stream.resume();
    };
    const content = { key: key ?? undefined, value: value ?? undefined, headers: Object.fromEntries(headers) };
    this.#inHand.accept({ topic, partition, offset, leaderEpoch, ...content }, resume);
    if (this.#inHand.isFull) this.#stream?.pause();
  }
}

/** The client has asked for the partitions of all topics that members want, whoever of them leads. */
const bySubscription: GroupPartitionsAssigner = (_, members, __, { topics }) => {
  const subscribers = [...members].map(([id, member]) => ({ id, topics: member.topics ?? [] }));
  const assignment = assign(
    subscribers,
    new Map([...topics].map(([topic, { partitionsCount }]) => [topic, partitionsCount])),
  );
  return [...assignment].map(([memberId, own]) => ({
    memberId,
    assignments: new Map([...own].map(([topic, partitions]) => [topic, { topic, partitions: [...partitions] }])),
  }));
};

async function committed(consumer: Member, partitions: readonly { topic: string; partition: number }[]) {
  const topics = [...Map.groupBy(partitions, ({ topic }) => topic)].map(([topic, some]) => ({
    topic,
    partitions: some.map(({ partition }) => partition),
  }));
  const told = await consumer.listCommittedOffsets({ topics });
  return partitions.map(({ topic, partition }) => ({ topic, partition, offset: told.get(topic)?.[partition] ?? -1n }));
}
