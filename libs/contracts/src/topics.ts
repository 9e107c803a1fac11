/** What a topic is and for how long it keeps a message. */
export interface TopicContract {
  readonly partitions: number;
  /** The field of its messages' data that is their key. */
  readonly key: string;
  /**
   * `events`: every message, for topicRetention. `state`: the last message of each key, for ever (compacted), so that a
   * copy can be made from the topic alone at any time. Its message is the whole of its subject and `sequence` its
   * version, its readers never put an older version over a newer one, and the end of a subject is a state like any
   * other (a product is taken off sale, never deleted): no tombstones.
   */
  readonly keeps: 'events' | 'state';
}

/**
 * Every topic. Messages of one key share a partition: their order is kept. Twelve partitions bound how many consumers
 * of one group can work side by side. Another number moves keys to other partitions: `npm run events -- topics
 * partitions` changes it without loss of order, and then it is changed here.
 */
export const topics = {
  'orders.events': { partitions: 12, key: 'orderId', keeps: 'events' },
  'catalog.commands': { partitions: 12, key: 'orderId', keeps: 'events' },
  'catalog.stock': { partitions: 12, key: 'orderId', keeps: 'events' },
  'catalog.products': { partitions: 12, key: 'productId', keeps: 'state' },
  'catalog.copies': { partitions: 12, key: 'copy', keeps: 'events' },
  'payments.commands': { partitions: 12, key: 'orderId', keeps: 'events' },
  'payments.events': { partitions: 12, key: 'orderId', keeps: 'events' },
  'orders.checkpoints': { partitions: 12, key: 'consumer', keeps: 'events' },
} as const satisfies Record<string, TopicContract>;
export type Topic = keyof typeof topics;

/** Retention of a topic of events, and the length of a segment: only a whole segment is deleted, or compacted. */
export const topicRetention = { 'retention.ms': 7 * 86_400_000, 'segment.ms': 86_400_000 } as const;

/** How many days a message may lie on a topic of events. */
export const topicKeptDays = (topicRetention['retention.ms'] + topicRetention['segment.ms']) / 86_400_000;

/** A topic's settings at the broker. */
export function topicConfig({ keeps }: TopicContract): Readonly<Record<string, string | number>> {
  if (keeps === 'events') return { 'cleanup.policy': 'delete', ...topicRetention };
  // A day at most until a segment is closed, another until what is outdated in it is gone.
  return {
    'cleanup.policy': 'compact',
    'segment.ms': topicRetention['segment.ms'],
    'max.compaction.lag.ms': 2 * topicRetention['segment.ms'],
  };
}

/**
 * The topic by which a service knows its own database again (docs/adr/0047): its newest message is how far the store
 * had come. Nobody else reads it.
 */
export const storeTopic = (service: string) => `${service}.store`;
export const storeConfig = { 'cleanup.policy': 'compact', 'segment.ms': topicRetention['segment.ms'] } as const;
export const storePartitions = 1;

/** Nothing ever expires from dead letters. */
export const deadLetterConfig = { 'cleanup.policy': 'delete', 'retention.ms': -1 } as const;

/** Where a consumer's poison messages go. */
export const deadLetterTopic = (consumer: string) => `${consumer}.dead-letters`;

/** Dead letters are few and looked at by people: one partition keeps them in the order in which they died. */
export const deadLetterPartitions = 1;

/**
 * Every consumer group of the product and what it reads. A group owns one dead-letter topic and one slice of its
 * service's inbox. This is the topology: topics are created, documents generated and the in-memory bus wired from it.
 */
export const consumers = {
  /** The saga: outcomes of its steps. */
  'orders.saga': ['catalog.stock', 'payments.events'],
  /** The copy of the catalog by which orders are priced. */
  'orders.prices': ['catalog.products'],
  /** The read model that lists are served from. */
  'orders.list': ['orders.events'],
  /** How the copy of the catalog compares with the catalog. */
  'orders.copies': ['catalog.copies'],
  /** What readers of the orders' events say they have seen, to be compared with what happened. */
  'orders.reconciler': ['orders.checkpoints'],
  'catalog.stock': ['catalog.commands'],
  /** Copies of the catalog that ask for what they lack. */
  'catalog.copies': ['catalog.copies'],
  /** Outdates what is cached of a product. */
  'catalog.cache': ['catalog.products'],
  'payments.commands': ['payments.commands'],
  'notifications.mail': ['orders.events'],
} as const satisfies Record<string, readonly Topic[]>;
export type ConsumerName = keyof typeof consumers;

/** Services that send or take messages, each with its own database. */
export const messagingServices = [
  ...new Set(Object.keys(consumers).map((consumer) => consumer.split('.')[0] as string)),
].sort();
