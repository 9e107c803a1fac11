import { Consumer, ListOffsetTimestamps, stringDeserializers } from '@platformatic/kafka';
import { atMost } from '../at-most.ts';
import type { End } from '../bus.ts';
import { connection, type KafkaBusOptions } from './connection.ts';

/** A broker that has not answered by then counts as away. */
const ANSWER_DEADLINE_MS = 4_000;
const CLOSE_DEADLINE_MS = 1_000;

type Asker = Consumer<string, string, string, string>;

/**
 * Asks where topics end, and how far a group has acknowledged them, by a client that never joins the group. It is
 * dropped when it gets no answer.
 */
export class KafkaEnds {
  readonly #options: KafkaBusOptions;
  readonly #askers = new Map<string, Asker>();

  constructor(options: KafkaBusOptions) {
    this.#options = options;
  }

  /** Rejects when the broker does not answer in time. */
  async of(group: string, topics: readonly string[]): Promise<End> {
    const at = (timestamp: bigint) =>
      this.#ask(group, (asker) => asker.listOffsets({ topics: [...topics], timestamp }));
    const [first, ends] = [await at(ListOffsetTimestamps.EARLIEST), await at(ListOffsetTimestamps.LATEST)];
    // Of a partition that keeps nothing, there is nothing to acknowledge.
    const filled = new Map(
      [...ends].map(([topic, offsets]) => [
        topic,
        offsets.map((end, partition) => (end > (first.get(topic)?.[partition] ?? 0n) ? end : 0n)),
      ]),
    );
    return { isReached: () => this.#ask(group, (asker) => isReached(asker, filled)) };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#askers.keys()].map((group) => this.#drop(group)));
  }

  async #ask<T>(group: string, ask: (asker: Asker) => Promise<T>): Promise<T> {
    const asker =
      this.#askers.get(group) ??
      new Consumer({
        ...connection(this.#options),
        groupId: group,
        deserializers: stringDeserializers,
        autocommit: false,
        retries: 0,
      });
    this.#askers.set(group, asker);
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => late.reject(new Error(`the broker has not answered for ${ANSWER_DEADLINE_MS} ms`)),
      ANSWER_DEADLINE_MS,
    );
    try {
      return await Promise.race([ask(asker), late.promise]);
    } catch (error) {
      void this.#drop(group);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async #drop(group: string): Promise<void> {
    const asker = this.#askers.get(group);
    this.#askers.delete(group);
    await atMost(
      CLOSE_DEADLINE_MS,
      asker?.close(true).catch(() => {}),
    );
  }
}

/** Whether everything that the partitions keep is acknowledged. */
async function isReached(asker: Asker, ends: ReadonlyMap<string, readonly bigint[]>): Promise<boolean> {
  const topics = [...ends].map(([topic, partitions]) => ({
    topic,
    partitions: partitions.map((_, partition) => partition),
  }));
  const committed = await asker.listCommittedOffsets({ topics });
  return [...ends].every(([topic, offsets]) =>
    offsets.every((end, partition) => end <= 0n || (committed.get(topic)?.[partition] ?? -1n) >= end),
  );
}
