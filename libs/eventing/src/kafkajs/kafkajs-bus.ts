import { randomUUID } from 'node:crypto';
import { Kafka, logLevel, Partitioners, type Admin, type PartitionMetadata, type Producer } from 'kafkajs';
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
import { answered, REQUEST_TIMEOUT_MS, type KafkaBusOptions } from '../kafka/connection.ts';
import { Producers } from '../kafka/producers.ts';
import { brokersOf } from './connection.ts';
import { KafkajsSubscription } from './kafkajs-subscription.ts';

/** Broker answers that no repetition changes: the record itself is at fault. */
const REFUSALS = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE', 'INVALID_RECORD', 'INVALID_TOPIC_EXCEPTION']);
const PUBLISH_DEADLINE_MS = 30_000;
const CLOSE_DEADLINE_MS = 3_000;
const ANSWER_DEADLINE_MS = 4_000;
/** It has to join a group first. */
const NEWEST_DEADLINE_MS = 8_000;

/**
 * Kafka through kafkajs: the second client behind the same port, with the same partitioner as the first, so that a key
 * stays on its partition whoever writes it.
 */
export class KafkajsBus extends MessageBus {
  readonly #options: KafkaBusOptions;
  readonly #kafka: Kafka;
  readonly #subscriptions = new Set<KafkajsSubscription>();
  readonly #producers: Producers<Connecting>;
  #admin: Promise<Admin> | undefined;

  constructor(options: KafkaBusOptions) {
    super();
    this.#options = options;
    this.#kafka = new Kafka({
      clientId: options.clientId,
      ...brokersOf(options),
      connectionTimeout: 5_000,
      requestTimeout: options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS,
      retry: { initialRetryTime: 200, maxRetryTime: 1_000, retries: 5 },
      logLevel: logLevel.NOTHING,
    });
    this.#producers = new Producers(
      () => this.#connect(),
      ({ producer }) => producer.disconnect(),
    );
  }

  override async publish(messages: readonly BusMessage[], options: PublishOptions = {}): Promise<void> {
    if (messages.length === 0) return;
    const send = async ({ producer, connected }: Connecting) => {
      await connected;
      await producer.sendBatch({ acks: -1, topicMessages: byTopic(messages) });
    };
    await this.#producers.use(options, async (one) => {
      await answered(PUBLISH_DEADLINE_MS, 'a batch', send(one)).catch((error: unknown) => {
        const refusal = refusalOf(error);
        throw refusal ? new Unpublishable(refusal, { cause: error }) : error;
      });
    });
  }

  override async prove(): Promise<void> {
    await answered(
      PROOF_DEADLINE_MS,
      'who is there',
      this.#ask((admin) => admin.describeCluster()),
    );
  }

  override async destinationsOf(messages: readonly BusMessage[]): Promise<readonly string[]> {
    const counts = new Map<string, PartitionMetadata[] | undefined>();
    // One after the other: a question that fails takes its connection with it.
    for (const topic of new Set(messages.map((message) => message.topic)))
      counts.set(topic, await this.#partitions(topic));
    return messages.map(({ topic, key }) => {
      const partitionMetadata = counts.get(topic);
      return partitionMetadata === undefined || key === undefined
        ? topic
        : `${topic}:${place({ topic, partitionMetadata, message: { key, value: null } })}`;
    });
  }

  /** Undefined where the topic is not known. */
  async #partitions(topic: string): Promise<PartitionMetadata[] | undefined> {
    const asked = this.#ask((admin) => admin.fetchTopicMetadata({ topics: [topic] }));
    const metadata = await answered(PROOF_DEADLINE_MS, `for ${topic}`, asked).catch(() => undefined);
    return metadata?.topics[0]?.partitions;
  }

  override async subscribe(options: SubscribeOptions): Promise<Subscription> {
    const subscription: KafkajsSubscription = new KafkajsSubscription(this.#kafka, this.#options.log, options, () =>
      this.#subscriptions.delete(subscription),
    );
    this.#subscriptions.add(subscription);
    subscription.open();
    return subscription;
  }

  override async end(group: string, topics: readonly string[]): Promise<End> {
    const ends = await this.#ask(async (admin) =>
      Promise.all(topics.map(async (topic) => [topic, await admin.fetchTopicOffsets(topic)] as const)),
    );
    const isReached = async () => {
      const read = await this.#ask((admin) => admin.fetchOffsets({ groupId: group, topics: [...topics] }));
      const acknowledged = new Map(
        read.flatMap(({ topic, partitions }) =>
          partitions.map(({ partition, offset }) => [`${topic} ${partition}`, Number(offset)]),
        ),
      );
      return ends.every(([topic, partitions]) =>
        partitions.every(
          ({ partition, high, low }) =>
            Number(high) <= Number(low) || (acknowledged.get(`${topic} ${partition}`) ?? -1) >= Number(high),
        ),
      );
    };
    return { isReached };
  }

  override async partitionsOf(topics: readonly string[]): Promise<ReadonlyMap<string, number>> {
    const metadata = await this.#ask((admin) => admin.fetchTopicMetadata({ topics: [...topics] }));
    return new Map(metadata.topics.map(({ name, partitions }) => [name, partitions.length]));
  }

  /** By a group of its own that is gone afterwards: this client reads in no other way. */
  override async newest(topic: string): Promise<string | undefined> {
    const [end] = await this.#ask((admin) => admin.fetchTopicOffsets(topic));
    if (!end || Number(end.high) <= Number(end.low)) return undefined;
    const groupId = `operator-${randomUUID()}`;
    const consumer = this.#kafka.consumer({ groupId, retry: { retries: 1 } });
    const read = async () => {
      await consumer.connect();
      await consumer.subscribe({ topic, fromBeginning: true });
      const found = Promise.withResolvers<string | undefined>();
      const wanted = Number(end.high) - 1;
      await consumer.run({
        autoCommit: false,
        eachMessage: async ({ message }) =>
          void (Number(message.offset) >= wanted && found.resolve(message.value?.toString())),
      });
      consumer.seek({ topic, partition: 0, offset: String(wanted) });
      return found.promise;
    };
    try {
      return await answered(NEWEST_DEADLINE_MS, `for the newest message of ${topic}`, read());
    } finally {
      void consumer
        .disconnect()
        .then(() => this.#ask((admin) => admin.deleteGroups([groupId])))
        .catch(() => {});
    }
  }

  override async close(): Promise<void> {
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.close()));
    await atMost(CLOSE_DEADLINE_MS, Promise.all([this.#producers.close(), this.#dropAdmin()]));
  }

  /** A broker that has not answered in time counts as away; the next question goes by a new connection. */
  async #ask<T>(ask: (admin: Admin) => Promise<T>): Promise<T> {
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => late.reject(new Error(`the broker has not answered for ${ANSWER_DEADLINE_MS} ms`)),
      ANSWER_DEADLINE_MS,
    );
    try {
      return await Promise.race([(this.#admin ??= this.#connectAdmin()).then(ask), late.promise]);
    } catch (error) {
      void this.#dropAdmin();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async #connectAdmin(): Promise<Admin> {
    const admin = this.#kafka.admin({ retry: { retries: 0 } });
    await admin.connect();
    return admin;
  }

  async #dropAdmin(): Promise<void> {
    const admin = this.#admin;
    this.#admin = undefined;
    await (await admin?.catch(() => undefined))?.disconnect().catch(() => {});
  }

  #connect(): Connecting {
    const producer = this.#kafka.producer({
      idempotent: true,
      // As the other client: after that long, keys go where more partitions put them (docs/adr/0042).
      metadataMaxAge: 5_000,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner: Partitioners.DefaultPartitioner,
    });
    const connected = producer.connect();
    connected.catch(() => {}); // whoever publishes hears of it
    return { producer, connected };
  }
}

interface Connecting {
  readonly producer: Producer;
  readonly connected: Promise<void>;
}

const place = Partitioners.DefaultPartitioner();

/** The messages of each topic, in the order in which they were given. */
function byTopic(messages: readonly BusMessage[]) {
  const topics = Map.groupBy(messages, (message) => message.topic);
  return [...topics].map(([topic, given]) => ({
    topic,
    messages: given.map(({ key, value, headers }) => ({
      value,
      ...(key === undefined ? {} : { key }),
      headers: { 'content-type': 'application/cloudevents+json', ...headers },
    })),
  }));
}

function refusalOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { type, cause } = error as { type?: string; cause?: unknown };
  return type !== undefined && REFUSALS.has(type) ? `${type}: ${error.message}` : refusalOf(cause);
}
