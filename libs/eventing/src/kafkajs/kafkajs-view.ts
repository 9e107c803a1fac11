import type { Kafka } from 'kafkajs';
import type { Standing, TopicView } from '../kafka/group-watch.ts';

/** What brokers say of topics and groups, through kafkajs. */
export class KafkajsView implements TopicView {
  readonly #kafka: Kafka;

  constructor(kafka: Kafka) {
    this.#kafka = kafka;
  }

  /**
   * Asks for what is committed first: what is deleted meanwhile is then seen as not read, and not the other way round.
   */
  async standings(group: string, topics: readonly string[]): Promise<Standing[]> {
    const admin = this.#kafka.admin();
    try {
      await admin.connect();
      const told = await admin.fetchOffsets({ groupId: group, topics: [...topics] });
      const committed = new Map(
        told.flatMap(({ topic, partitions }) =>
          partitions.map(({ partition, offset }) => [`${topic}:${partition}`, BigInt(offset)] as const),
        ),
      );
      const bounds = await Promise.all(
        topics.map(async (topic) => ({ topic, partitions: await admin.fetchTopicOffsets(topic) })),
      );
      return bounds.flatMap(({ topic, partitions }) =>
        partitions.map(({ partition, low, high }) => ({
          topic,
          partition,
          first: BigInt(low),
          end: BigInt(high),
          committed: committed.get(`${topic}:${partition}`) ?? -1n,
        })),
      );
    } finally {
      await admin.disconnect();
    }
  }

  async close(): Promise<void> {}
}
