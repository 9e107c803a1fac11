import { setTimeout as sleep } from 'node:timers/promises';
import { cloudEvent } from '@shop/contracts';
import type { Admin, Consumer } from 'kafkajs';
import type { Fact } from './findings.ts';
import { clientOf } from './kafka.ts';

/**
 * Reads a topic from its first message as a stranger would: by another client than the product's, knowing nothing but
 * CloudEvents. A topic of one partition or of many: order is kept within a key, which is all that is judged.
 */
export class TopicReader {
  readonly #consumer: Consumer;
  readonly #seen: Fact[] = [];
  readonly #distinct = new Set<string>();
  #unreadable = 0;
  #lastAt = performance.now();

  private constructor(consumer: Consumer) {
    this.#consumer = consumer;
  }

  static async open(brokers: string, topic: string): Promise<TopicReader> {
    const consumer = clientOf(brokers).consumer({
      groupId: `checker-of-${topic}`,
      sessionTimeout: 30_000,
      maxWaitTimeInMs: 100,
    });
    const reader = new TopicReader(consumer);
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachMessage: ({ message }) => Promise.resolve(reader.#see(message.value)),
    });
    return reader;
  }

  /** Every event so far, as it arrived. */
  get seen(): readonly Fact[] {
    return this.#seen;
  }

  /** Messages that are no CloudEvents with a sequence. */
  get unreadable(): number {
    return this.#unreadable;
  }

  /** When the last message came, as performance.now() tells it. */
  get lastAt(): number {
    return this.#lastAt;
  }

  /**
   * Resolves when so many different events have come, or nothing has for `patienceMs`: what has not come by then is
   * lost.
   */
  async settled(count: number, patienceMs: number): Promise<void> {
    const since = performance.now();
    while (this.#distinct.size < count && performance.now() - Math.max(this.#lastAt, since) < patienceMs)
      await sleep(20);
  }

  close(): Promise<void> {
    return this.#consumer.disconnect();
  }

  #see(value: Buffer | null): void {
    this.#lastAt = performance.now();
    const event = cloudEvent.safeParse(jsonOf(value));
    if (!event.success || event.data.sequence === undefined) {
      this.#unreadable++;
      return;
    }
    const { subject: key, sequence } = event.data;
    this.#seen.push({ key, sequence: Number(sequence) });
    this.#distinct.add(`${key} #${sequence}`);
  }
}

/**
 * Whether a consumer group has acknowledged everything on a topic. Gives up after `deadlineMs`. A broker that has no
 * answer yet (a group's coordinator moves when its topic is made) is asked again: nobody knows is not the same as no.
 */
export async function isReadToTheEnd(admin: Admin, group: string, topic: string, deadlineMs: number): Promise<boolean> {
  for (const until = performance.now() + deadlineMs; performance.now() < until; await sleep(100)) {
    const answers = await Promise.all([
      admin.fetchTopicOffsets(topic),
      admin.fetchOffsets({ groupId: group, topics: [topic] }),
    ]).catch(() => undefined);
    if (!answers) continue;
    const [ends, [read]] = answers;
    const at = new Map(read?.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
    if (
      ends.every(
        ({ partition, high, low }) => Number(high) === Number(low) || (at.get(partition) ?? -1) >= Number(high),
      )
    )
      return true;
  }
  return false;
}

function jsonOf(value: Buffer | null): unknown {
  try {
    return JSON.parse(value?.toString() ?? '');
  } catch {
    return undefined;
  }
}
