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

/** Every consumer group of the product: it owns one dead-letter topic and one slice of its service's inbox. */
export const consumers = ['orders.saga', 'orders.prices', 'orders.list', 'catalog.stock', 'payments.commands', 'notifications.mail'] as const;
export type ConsumerName = (typeof consumers)[number];
