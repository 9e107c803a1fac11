import { Admin, ListOffsetTimestamps } from '@platformatic/kafka';
import { connection, type KafkaBusOptions } from './connection.ts';
import type { Standing, TopicView } from './group-watch.ts';

/** What brokers say of topics and groups, through @platformatic/kafka. */
export class AdminView implements TopicView {
  readonly #admin: Admin;

  constructor(options: KafkaBusOptions) {
    this.#admin = new Admin({ ...connection(options), retries: 2, retryDelay: 200, timeout: 5_000 });
  }

  /**
   * Asks for what is committed first: what is deleted meanwhile is then seen as not read, and not the other way round.
   */
  async standings(group: string, topics: readonly string[]): Promise<Standing[]> {
    const [told] = await this.#admin.listConsumerGroupOffsets({ groups: [group] });
    const committed = new Map(
      told?.topics.flatMap(({ name, partitions }) =>
        partitions.map((each) => [`${name}:${each.partitionIndex}`, each.committedOffset] as const),
      ),
    );
    const { topics: known } = await this.#admin.metadata({ topics: [...topics], forceUpdate: true });
    const bounds = (timestamp: bigint) =>
      this.#admin.listOffsets({
        topics: [...known].map(([name, { partitionsCount }]) => ({
          name,
          partitions: Array.from({ length: partitionsCount }, (_, partitionIndex) => ({ partitionIndex, timestamp })),
        })),
      });
    const first = new Map(
      offsets(await bounds(ListOffsetTimestamps.EARLIEST)).map(
        ({ topic, partition, offset }) => [`${topic}:${partition}`, offset] as const,
      ),
    );
    return offsets(await bounds(ListOffsetTimestamps.LATEST)).map(({ topic, partition, offset: end }) => {
      const place = `${topic}:${partition}` as const;
      return { topic, partition, first: first.get(place) ?? 0n, end, committed: committed.get(place) ?? -1n };
    });
  }

  async close(): Promise<void> {
    await this.#admin.close().catch(() => {});
  }
}

const offsets = (listed: Awaited<ReturnType<Admin['listOffsets']>>) =>
  listed.flatMap(({ name, partitions }) =>
    partitions.map(({ partitionIndex, offset }) => ({ topic: name, partition: partitionIndex, offset })),
  );
