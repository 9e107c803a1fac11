import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { cloudEvent, consumers, deadLetterTopic, topics, type ConsumerName } from '@shop/contracts';
import type { Admin, IHeaders, KafkaMessage } from 'kafkajs';
import type { Published } from './evidence.ts';
import { clientOf } from './kafka.ts';

const PATIENCE_MS = 60_000;
const names = Object.keys(consumers) as ConsumerName[];
const everyTopic = [...Object.keys(topics), ...names.map(deadLetterTopic)];

/** Everything that lies on the product's topics and dead letters now, oldest first within a partition. */
export async function dumpTopics(brokers: string): Promise<Published[]> {
  const kafka = clientOf(brokers);
  const admin = kafka.admin();
  const groupId = `checker-${randomUUID()}`;
  const consumer = kafka.consumer({ groupId, sessionTimeout: 30_000, maxWaitTimeInMs: 100 });
  try {
    await Promise.all([admin.connect(), consumer.connect()]);
    const left = await ends(admin);
    const read: Published[] = [];
    await consumer.subscribe({ topics: everyTopic, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ topic, partition, message }) => {
        read.push(published(topic, partition, message));
        if (Number(message.offset) >= (left.get(`${topic}:${partition}`) ?? Infinity))
          left.delete(`${topic}:${partition}`);
      },
    });
    for (const until = performance.now() + PATIENCE_MS; left.size > 0; await sleep(20)) {
      if (performance.now() > until)
        throw new Error(
          `topics could not be read to their ends within ${PATIENCE_MS / 1000} s: ${[...left.keys()].join(', ')}`,
        );
    }
    return read.sort((a, b) => a.topic.localeCompare(b.topic) || a.partition - b.partition || a.offset - b.offset);
  } finally {
    await consumer.disconnect();
    await admin.deleteGroups([groupId]).catch(() => undefined);
    await admin.disconnect();
  }
}

/** The last offset of each partition that has any message. */
async function ends(admin: Admin): Promise<Map<string, number>> {
  const bounds = await Promise.all(
    everyTopic.map(async (topic) => ({ topic, partitions: await admin.fetchTopicOffsets(topic) })),
  );
  return new Map(
    bounds.flatMap(({ topic, partitions }) =>
      partitions
        .filter(({ high, low }) => Number(high) > Number(low))
        .map(({ partition, high }): [string, number] => [`${topic}:${partition}`, Number(high) - 1]),
    ),
  );
}

/**
 * How many messages each consumer group has not acknowledged yet. One group is left out: its topic never comes to rest,
 * because readers say there again and again what they have seen.
 */
export async function lagOf(admin: Admin): Promise<Partial<Record<ConsumerName, number>>> {
  const lags = await Promise.all(
    names
      .filter((name) => name !== 'orders.reconciler')
      .map(async (name): Promise<[ConsumerName, number]> => {
        const read = await admin.fetchOffsets({ groupId: name, topics: [...consumers[name]] });
        const behind = await Promise.all(
          read.map(async ({ topic, partitions }) => {
            const at = new Map(partitions.map(({ partition, offset }) => [partition, Number(offset)]));
            // -1: nothing acknowledged yet.
            return (await admin.fetchTopicOffsets(topic)).map(
              ({ partition, high, low }) => Number(high) - Math.max(Number(low), at.get(partition) ?? -1),
            );
          }),
        );
        return [name, behind.flat().reduce((sum, count) => sum + count, 0)];
      }),
  );
  return Object.fromEntries(lags) as Partial<Record<ConsumerName, number>>;
}

function published(
  topic: string,
  partition: number,
  { key, value, offset, headers, timestamp }: KafkaMessage,
): Published {
  return {
    topic,
    partition,
    offset: Number(offset),
    key: key?.toString(),
    event: eventIn(value),
    headers: textOf(headers),
    at: Number(timestamp),
  };
}

function eventIn(value: Buffer | null): Published['event'] {
  try {
    return cloudEvent.parse(JSON.parse(value?.toString() ?? ''));
  } catch {
    return undefined;
  }
}

const textOf = (headers: IHeaders = {}) =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
