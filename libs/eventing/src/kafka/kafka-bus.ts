import { Producer, stringSerializers } from '@platformatic/kafka';
import { atMost } from '../at-most.ts';
import { MessageBus, Unpublishable, type BusMessage, type End, type SubscribeOptions, type Subscription } from '../bus.ts';
import { connection, type KafkaBusOptions } from './connection.ts';
import { KafkaEnds } from './kafka-ends.ts';
import { KafkaSubscription } from './kafka-subscription.ts';

/** Broker answers that no repetition changes: the record itself is at fault. */
const REFUSALS = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_RECORD', 'INVALID_TOPIC_EXCEPTION']);

const PUBLISH_DEADLINE_MS = 30_000;
const CLOSE_DEADLINE_MS = 3_000;

type Text = string;

/** Kafka through @platformatic/kafka: an idempotent producer that waits for all replicas, and supervised consumer streams. */
export class KafkaBus extends MessageBus {
  readonly #options: KafkaBusOptions;
  readonly #subscriptions = new Set<KafkaSubscription>();
  readonly #ends: KafkaEnds;
  #producer: Producer<Text, Text, Text, Text> | undefined;

  constructor(options: KafkaBusOptions) {
    super();
    this.#options = options;
    this.#ends = new KafkaEnds(options);
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
    subscription.open();
    return subscription;
  }

  override end(group: string, topics: readonly string[]): Promise<End> {
    return this.#ends.of(group, topics);
  }

  override async close(): Promise<void> {
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.close()));
    await Promise.all([atMost(CLOSE_DEADLINE_MS, this.#producer?.close()), this.#ends.close()]);
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
