import { setTimeout as sleep } from 'node:timers/promises';
import { Consumer, MessagesStreamFallbackModes, MessagesStreamModes, Producer, stringDeserializers, stringSerializers, type Message, type MessagesStream } from '@platformatic/kafka';
import { MessageBus, Unpublishable, type BusMessage, type SubscribeOptions, type Subscription } from '../bus.ts';
import { Offsets } from './offsets.ts';
import type { Log } from '../consumer-runtime.ts';

export interface KafkaBusOptions {
  readonly brokers: readonly string[];
  readonly clientId: string;
  readonly log: Log;
}

/** Broker answers that no repetition changes: the record itself is at fault. */
const REFUSALS = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_RECORD', 'INVALID_TOPIC_EXCEPTION']);

const PUBLISH_DEADLINE_MS = 30_000;
const CLOSE_DEADLINE_MS = 10_000;
const COMMIT_EVERY_MS = 50;
const REOPEN_AFTER_MS = 500;

type Text = string;

/** Kafka through @platformatic/kafka: an idempotent producer that waits for all replicas, and supervised consumer streams. */
export class KafkaBus extends MessageBus {
  readonly #options: KafkaBusOptions;
  readonly #subscriptions = new Set<KafkaSubscription>();
  #producer: Producer<Text, Text, Text, Text> | undefined;

  constructor(options: KafkaBusOptions) {
    super();
    this.#options = options;
  }

  override async publish(messages: readonly BusMessage[]): Promise<void> {
    if (messages.length === 0) return;
    this.#producer ??= new Producer({
      ...connection(this.#options),
      serializers: stringSerializers,
      idempotent: true,
      acks: -1,
      autocreateTopics: false,
      retries: 5,
      retryDelay: 200,
      timeout: PUBLISH_DEADLINE_MS,
    });
    const producer = this.#producer;
    try {
      await producer.send({
        messages: messages.map(({ topic, key, value, headers }) => ({
          topic,
          value,
          ...(key === undefined ? {} : { key }),
          headers: { 'content-type': 'application/cloudevents+json', ...headers },
        })),
      });
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal) throw new Unpublishable(refusal, { cause: error });
      // A producer whose sequence numbers are in doubt begins anew: at worst the batch is on the topic twice.
      this.#producer = undefined;
      void producer.close().catch(() => {});
      throw error;
    }
  }

  override async subscribe(options: SubscribeOptions): Promise<Subscription> {
    const subscription = new KafkaSubscription(this.#options, options);
    this.#subscriptions.add(subscription);
    await subscription.open();
    return subscription;
  }

  override async close(): Promise<void> {
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.close()));
    await this.#producer?.close().catch(() => {});
  }
}

/** One group member: a stream that is opened again whenever it ends by itself. */
class KafkaSubscription implements Subscription {
  readonly #kafka: KafkaBusOptions;
  readonly #options: SubscribeOptions;
  readonly #offsets = new Map<string, Offsets>();
  readonly #epochs = new Map<string, number>();
  readonly #inHand = new Set<Promise<void>>();
  #consumer: Consumer<Text, Text, Text, Text> | undefined;
  #stream: MessagesStream<Text, Text, Text, Text> | undefined;
  #lastPoll = Date.now();
  #closing = false;
  #committing: Promise<void> | undefined;

  constructor(kafka: KafkaBusOptions, options: SubscribeOptions) {
    this.#kafka = kafka;
    this.#options = options;
  }

  idleMs(): number {
    return Date.now() - this.#lastPoll;
  }

  async open(): Promise<void> {
    const { group, topics } = this.#options;
    const consumer = new Consumer<Text, Text, Text, Text>({
      ...connection(this.#kafka),
      groupId: group,
      deserializers: stringDeserializers,
      autocommit: false,
      // The least that Kafka allows: how long the keys of a killed instance wait.
      sessionTimeout: 6_000,
      rebalanceTimeout: 15_000,
      heartbeatInterval: 1_500,
      maxWaitTime: 1_000,
      minBytes: 1,
      retries: 100,
      retryDelay: 500,
    });
    this.#consumer = consumer;
    try {
      // A group that has never committed begins with the oldest message: nothing that was said before it came is missed.
      const stream = await consumer.consume({
        topics: [...topics],
        mode: MessagesStreamModes.COMMITTED,
        fallbackMode: MessagesStreamFallbackModes.EARLIEST,
        highWaterMark: this.#options.maxInFlight,
      });
      if (this.#closing) return await stream.close();
      this.#stream = stream;
      this.#lastPoll = Date.now();
      stream.on('fetch', () => (this.#lastPoll = Date.now()));
      stream.on('error', (error) => this.#kafka.log.warn({ err: error, group }, 'kafka stream failed'));
      stream.on('close', () => void this.#reopen(consumer));
      stream.on('data', (message) => this.#accept(message));
    } catch (error) {
      this.#kafka.log.warn({ err: error, group }, 'kafka consumer could not join; trying again');
      void this.#reopen(consumer);
    }
  }

  async close(): Promise<void> {
    if (this.#closing) return;
    this.#closing = true;
    this.#stream?.pause();
    await Promise.race([Promise.allSettled(this.#inHand), sleep(CLOSE_DEADLINE_MS)]);
    await this.#committing;
    await this.#commit().catch(() => {});
    await Promise.race([this.#consumer?.close(true).catch(() => {}), sleep(CLOSE_DEADLINE_MS)]);
  }

  async #reopen(consumer: Consumer<Text, Text, Text, Text>): Promise<void> {
    if (this.#closing || consumer !== this.#consumer) return;
    this.#consumer = undefined;
    this.#stream = undefined;
    await Promise.race([consumer.close(true).catch(() => {}), sleep(CLOSE_DEADLINE_MS)]);
    await sleep(REOPEN_AFTER_MS);
    if (!this.#closing) await this.open();
  }

  #accept(message: Message<Text, Text, Text, Text>): void {
    const lane = `${message.topic}:${message.partition}`;
    let offsets = this.#offsets.get(lane);
    if (!offsets) this.#offsets.set(lane, (offsets = new Offsets()));
    this.#epochs.set(lane, message.leaderEpoch);
    const handled = offsets.add(message.offset);
    const work = this.#options
      .handle({
        id: `${lane}:${message.offset}`,
        topic: message.topic,
        key: message.key ?? undefined,
        value: message.value ?? undefined,
        headers: Object.fromEntries(message.headers),
      })
      .then(handled, () => {})
      .finally(() => {
        this.#inHand.delete(work);
        this.#committing ??= this.#commitSoon();
        if (!this.#closing && this.#inHand.size < this.#options.maxInFlight && this.#stream?.isPaused()) this.#stream.resume();
      });
    this.#inHand.add(work);
    if (this.#inHand.size >= this.#options.maxInFlight) this.#stream?.pause();
  }

  async #commitSoon(): Promise<void> {
    await sleep(COMMIT_EVERY_MS);
    this.#committing = undefined;
    try {
      await this.#commit();
    } catch (error) {
      // Not lost: what was not committed is delivered again, and the inbox knows it.
      this.#kafka.log.warn({ err: error, group: this.#options.group }, 'offsets could not be committed');
    }
  }

  async #commit(): Promise<void> {
    const offsets = [...this.#offsets].flatMap(([lane, partition]) => {
      const offset = partition.take();
      const [topic = '', number] = lane.split(':');
      return offset === undefined ? [] : [{ topic, partition: Number(number), offset, leaderEpoch: this.#epochs.get(lane) ?? -1 }];
    });
    if (offsets.length > 0) await this.#consumer?.commit({ offsets });
  }
}

const connection = ({ brokers, clientId }: KafkaBusOptions) => ({ clientId, bootstrapBrokers: [...brokers], connectTimeout: 5_000 });

function refusalOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { apiId, errors, cause } = error as { apiId?: string; errors?: unknown[]; cause?: unknown };
  if (apiId && REFUSALS.has(apiId)) return `${apiId}: ${error.message}`;
  for (const inner of [...(errors ?? []), cause]) {
    const refusal = refusalOf(inner);
    if (refusal) return refusal;
  }
  return undefined;
}
