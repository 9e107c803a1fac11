/**
 * Every topic. Messages about one subject share a key and so a partition: their order is kept. Twelve partitions bound how many
 * consumers of one group can work side by side; the number never shrinks, and growing it would move keys.
 */
export const topics = {
  'orders.events': { partitions: 12 },
  'catalog.commands': { partitions: 12 },
  'catalog.stock': { partitions: 12 },
  'catalog.products': { partitions: 12 },
  'payments.commands': { partitions: 12 },
  'payments.events': { partitions: 12 },
} as const;
export type Topic = keyof typeof topics;

/** Where a consumer's poison messages go. */
export const deadLetterTopic = (consumer: string) => `${consumer}.dead-letters`;

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
  'catalog.stock': ['catalog.commands'],
  'payments.commands': ['payments.commands'],
  'notifications.mail': ['orders.events'],
} as const satisfies Record<string, readonly Topic[]>;
export type ConsumerName = keyof typeof consumers;
