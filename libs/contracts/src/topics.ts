/**
 * Every topic, and the field of its messages' data that is their key. Messages of one key share a partition: their order is kept. Twelve
 * partitions bound how many consumers of one group can work side by side; the number never changes, since that would move keys.
 */
export const topics = {
  'orders.events': { partitions: 12, key: 'orderId' },
  'catalog.commands': { partitions: 12, key: 'orderId' },
  'catalog.stock': { partitions: 12, key: 'orderId' },
  'catalog.products': { partitions: 12, key: 'productId' },
  'payments.commands': { partitions: 12, key: 'orderId' },
  'payments.events': { partitions: 12, key: 'orderId' },
  'orders.checkpoints': { partitions: 12, key: 'consumer' },
} as const;
export type Topic = keyof typeof topics;

/** Retention of a topic, and the length of its segments: only a whole segment is deleted. */
export const topicRetention = { 'retention.ms': 7 * 86_400_000, 'segment.ms': 86_400_000 } as const;

/** How many days a message may lie on a topic. */
export const topicKeptDays = (topicRetention['retention.ms'] + topicRetention['segment.ms']) / 86_400_000;

/** Where a consumer's poison messages go. */
export const deadLetterTopic = (consumer: string) => `${consumer}.dead-letters`;

/** Dead letters are few and looked at by people: one partition keeps them in the order in which they died. */
export const deadLetterPartitions = 1;

/**
 * Every consumer group of the product and what it reads. A group owns one dead-letter topic and one slice of its service's inbox.
 * This is the topology: topics are created, documents generated and the in-memory bus wired from it.
 */
export const consumers = {
  /** The saga: outcomes of its steps. */
  'orders.saga': ['catalog.stock', 'payments.events'],
  /** The copy of the catalog by which orders are priced. */
  'orders.prices': ['catalog.products'],
  /** The read model that lists are served from. */
  'orders.list': ['orders.events'],
  /** What readers of the orders' events say they have seen, to be compared with what happened. */
  'orders.reconciler': ['orders.checkpoints'],
  'catalog.stock': ['catalog.commands'],
  /** Outdates what is cached of a product. */
  'catalog.cache': ['catalog.products'],
  'payments.commands': ['payments.commands'],
  'notifications.mail': ['orders.events'],
} as const satisfies Record<string, readonly Topic[]>;
export type ConsumerName = keyof typeof consumers;
