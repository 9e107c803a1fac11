import { compatibilityPartitioner, murmur2, Producer, stringSerializers } from '@platformatic/kafka';
import { atMost } from '../at-most.ts';
import { MessageBus, PROOF_DEADLINE_MS, Unpublishable, type BusMessage, type End, type SubscribeOptions, type Subscription } from '../bus.ts';
import { answered, connection, partitionOf, Retirable, type KafkaBusOptions } from './connection.ts';
import { KafkaEnds } from './kafka-ends.ts';
import { KafkaSubscription } from './kafka-subscription.ts';

/** Broker answers that no repetition changes: the record itself is at fault. */
const REFUSALS = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_RECORD', 'INVALID_TOPIC_EXCEPTION']);

const PUBLISH_DEADLINE_MS = 30_000;
const CLOSE_DEADLINE_MS = 3_000;

type Text = string;

type TextProducer = Producer<Text, Text, Text, Text>;

/** Kafka through @platformatic/kafka: an idempotent producer that waits for all replicas, and supervised consumer streams. */
export class KafkaBus extends MessageBus {
  readonly #options: KafkaBusOptions;
  readonly #subscriptions = new Set<KafkaSubscription>();
  readonly #ends: KafkaEnds;
  #producer: Retirable<TextProducer> | undefined;

  constructor(options: KafkaBusOptions) {
    super();
    this.#options = options;
    this.#ends = new KafkaEnds(options);
  }

  override async publish(messages: readonly BusMessage[]): Promise<void> {
    if (messages.length === 0) return;
    const given = messages.map(({ topic, key, value, headers }) => ({
      topic,
      value,
      ...(key === undefined ? {} : { key }),
      headers: { 'content-type': 'application/cloudevents+json', ...headers },
    }));
    await this.#use((producer) => answered(PUBLISH_DEADLINE_MS, 'a batch', producer.send({ messages: given })));
  }

  override async prove(): Promise<void> {
    await this.#use((producer) => answered(PROOF_DEADLINE_MS, 'who is there', producer.metadata({ topics: [], forceUpdate: true, retries: 0 })));
  }

  override async destinationsOf(messages: readonly BusMessage[]): Promise<readonly string[]> {
    const topics = [...new Set(messages.map(({ topic }) => topic))];
    const counts = new Map(await Promise.all(topics.map(async (topic) => [topic, await this.#partitions(topic)] as const)));
    return messages.map(({ topic, key }) => {
      const partitions = counts.get(topic);
      return partitions === undefined || key === undefined ? topic : `${topic}:${partitionOf(murmur2(Buffer.from(key)), partitions)}`;
    });
  }

  /** Undefined where the topic is not known, or one of its partitions has no leader: then the client can write to none of them. */
  async #partitions(topic: string): Promise<number | undefined> {
    const asked = this.#producing().producer.metadata({ topics: [topic], retries: 0 });
    const metadata = await answered(PROOF_DEADLINE_MS, `for ${topic}`, asked).catch(() => undefined);
    return metadata?.topics.get(topic)?.partitionsCount;
  }

  async #use<T>(work: (producer: TextProducer) => Promise<T>): Promise<T> {
    const producing = this.#producing();
    try {
      return await producing.use(work);
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal) throw new Unpublishable(refusal, { cause: error });
      // A producer whose sequence numbers are in doubt begins anew: at worst the batch is on the topic twice.
      if (this.#producer === producing) this.#producer = undefined;
      producing.retire();
      throw error;
    }
  }

  #producing(): Retirable<TextProducer> {
    return (this.#producer ??= new Retirable(
      new Producer({
        ...connection(this.#options),
        serializers: stringSerializers,
        // The client's default reads a hash as unsigned, which no other client of Kafka does.
        partitioner: compatibilityPartitioner,
        idempotent: true,
        acks: -1,
        autocreateTopics: false,
        retries: 5,
        retryDelay: 200,
        timeout: PUBLISH_DEADLINE_MS,
      }),
      (producer) => producer.close(),
    ));
  }

  override async subscribe(options: SubscribeOptions): Promise<Subscription> {
    const subscription = new KafkaSubscription(this.#options, options);
    this.#subscriptions.add(subscription);
    subscription.open();
    return subscription;
  }

  override end(group: string, topics: readonly string[]): Promise<End> {
    return this.#ends.of(group, topics);
  }

  override async close(): Promise<void> {
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.close()));
    await Promise.all([atMost(CLOSE_DEADLINE_MS, this.#producer?.producer.close()), this.#ends.close()]);
  }
}

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
