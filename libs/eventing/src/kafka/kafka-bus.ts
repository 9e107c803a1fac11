import { Admin, compatibilityPartitioner, murmur2, Producer, stringSerializers } from '@platformatic/kafka';
import { atMost } from '../at-most.ts';
import {
  MessageBus,
  PROOF_DEADLINE_MS,
  Unpublishable,
  type BusMessage,
  type End,
  type PublishOptions,
  type SubscribeOptions,
  type Subscription,
} from '../bus.ts';
import { answered, connection, partitionOf, type KafkaBusOptions } from './connection.ts';
import { KafkaEnds } from './kafka-ends.ts';
import { KafkaSubscription } from './kafka-subscription.ts';
import { newestOn } from './newest.ts';
import { Producers } from './producers.ts';

/** Broker answers that no repetition changes: the record itself is at fault. */
const REFUSALS = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_RECORD', 'INVALID_TOPIC_EXCEPTION']);

const PUBLISH_DEADLINE_MS = 30_000;
const CLOSE_DEADLINE_MS = 3_000;

type Text = string;

type TextProducer = Producer<Text, Text, Text, Text>;

/**
 * Kafka through @platformatic/kafka: an idempotent producer that waits for all replicas, and supervised consumer
 * streams.
 */
export class KafkaBus extends MessageBus {
  readonly #options: KafkaBusOptions;
  readonly #subscriptions = new Set<KafkaSubscription>();
  readonly #ends: KafkaEnds;
  readonly #producers: Producers<TextProducer>;
  #asker: Admin | undefined;

  constructor(options: KafkaBusOptions) {
    super();
    this.#options = options;
    this.#ends = new KafkaEnds(options);
    this.#producers = new Producers(
      () => producer(options),
      (one) => one.close(),
    );
  }

  override async publish(messages: readonly BusMessage[], options: PublishOptions = {}): Promise<void> {
    if (messages.length === 0) return;
    const given = messages.map(({ topic, key, value, headers }) => ({
      topic,
      value,
      ...(key === undefined ? {} : { key }),
      headers: { 'content-type': 'application/cloudevents+json', ...headers },
    }));
    await this.#producers.use(options, async (one) => {
      await answered(PUBLISH_DEADLINE_MS, 'a batch', one.send({ messages: given })).catch((error: unknown) => {
        const refusal = refusalOf(error);
        throw refusal ? new Unpublishable(refusal, { cause: error }) : error;
      });
    });
  }

  override async prove(): Promise<void> {
    const asker = this.#askerNow();
    try {
      await answered(PROOF_DEADLINE_MS, 'who is there', asker.metadata({ topics: [], forceUpdate: true, retries: 0 }));
    } catch (error) {
      if (this.#asker === asker) this.#asker = undefined;
      void asker.close().catch(() => {});
      throw error;
    }
  }

  override async destinationsOf(messages: readonly BusMessage[]): Promise<readonly string[]> {
    const topics = [...new Set(messages.map(({ topic }) => topic))];
    const counts = new Map(
      await Promise.all(topics.map(async (topic) => [topic, await this.#partitions(topic)] as const)),
    );
    return messages.map(({ topic, key }) => {
      const partitions = counts.get(topic);
      return partitions === undefined || key === undefined
        ? topic
        : `${topic}:${partitionOf(murmur2(Buffer.from(key)), partitions)}`;
    });
  }

  /**
   * Undefined where the topic is not known, or one of its partitions has no leader: then the client can write to none
   * of them.
   */
  async #partitions(topic: string): Promise<number | undefined> {
    const asked = this.#askerNow().metadata({ topics: [topic], retries: 0 });
    const metadata = await answered(PROOF_DEADLINE_MS, `for ${topic}`, asked).catch(() => undefined);
    return metadata?.topics.get(topic)?.partitionsCount;
  }

  /**
   * Asks by connections that no message travels on: the client gives up a connection, with all that is under way on it,
   * when one answer on it is late.
   */
  #askerNow(): Admin {
    return (this.#asker ??= new Admin({
      ...connection({ ...this.#options, requestTimeoutMs: PROOF_DEADLINE_MS }),
      retries: 0,
    }));
  }

  override async subscribe(options: SubscribeOptions): Promise<Subscription> {
    const subscription: KafkaSubscription = new KafkaSubscription(this.#options, options, () =>
      this.#subscriptions.delete(subscription),
    );
    this.#subscriptions.add(subscription);
    subscription.open();
    return subscription;
  }

  override end(group: string, topics: readonly string[]): Promise<End> {
    return this.#ends.of(group, topics);
  }

  override async partitionsOf(topics: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const metadata = await answered(
      PROOF_DEADLINE_MS,
      'for topics',
      this.#askerNow().metadata({ topics: [...topics], forceUpdate: true, retries: 0 }),
    );
    return new Map([...metadata.topics].map(([topic, { partitionsCount }]) => [topic, partitionsCount]));
  }

  override newest(topic: string): Promise<string | undefined> {
    return newestOn(this.#options, topic);
  }

  override async close(): Promise<void> {
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.close()));
    await Promise.all([this.#producers.close(), this.#ends.close(), atMost(CLOSE_DEADLINE_MS, this.#asker?.close())]);
  }
}

const producer = (options: KafkaBusOptions): TextProducer =>
  new Producer({
    ...connection(options),
    serializers: stringSerializers,
    // The client's default reads a hash as unsigned, which no other client of Kafka does.
    partitioner: compatibilityPartitioner,
    idempotent: true,
    acks: -1,
    autocreateTopics: false,
    retries: 5,
    retryDelay: 200,
    timeout: PUBLISH_DEADLINE_MS,
  });

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
