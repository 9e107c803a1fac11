import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  Admin,
  Consumer,
  ListOffsetTimestamps,
  MessagesStreamModes,
  stringDeserializers,
  type Message,
} from '@platformatic/kafka';
import { secured } from './connection.ts';
import type { KafkaSecurity } from './security.ts';

/** A message as it lies on a topic. */
export interface Lying {
  /** topic:partition:offset. */
  readonly at: string;
  readonly key: string | undefined;
  /** undefined: a tombstone. */
  readonly value: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
}

const PATIENCE_MS = 30_000;

/**
 * Everything on a topic up to now, oldest first within a partition, by a group of its own that is gone afterwards:
 * nobody else's place is moved. With `since` (milliseconds of the epoch) only what was written from then on.
 */
export async function readTopic(
  brokers: string,
  topic: string,
  security: KafkaSecurity = {},
  since?: number,
): Promise<Lying[]> {
  const connection = {
    ...secured(security),
    clientId: 'operator',
    bootstrapBrokers: brokers.split(','),
    connectTimeout: 5_000,
    timeout: 10_000,
    retries: 3,
    retryDelay: 200,
  };
  const groupId = `operator-${randomUUID()}`;
  const consumer = new Consumer({
    ...connection,
    groupId,
    deserializers: stringDeserializers,
    autocommit: false,
    maxWaitTime: 100,
  });
  try {
    const bounds = async (timestamp: bigint) =>
      (await consumer.listOffsets({ topics: [topic], timestamp })).get(topic) ?? [];
    const end = await bounds(ListOffsetTimestamps.LATEST);
    // Where nothing was written since, there is no such place.
    const first = (await bounds(since === undefined ? ListOffsetTimestamps.EARLIEST : BigInt(Math.max(0, since)))).map(
      (offset, partition) => (offset < 0n ? (end[partition] ?? 0n) : offset),
    );
    const left = new Map(
      end.flatMap((offset, partition) => (offset > (first[partition] ?? 0n) ? [[partition, offset - 1n]] : [])),
    );
    return left.size === 0 ? [] : await readUntil(consumer, topic, first, left);
  } finally {
    await consumer.close(true).catch(() => {});
    const admin = new Admin(connection);
    await admin.deleteGroups({ groups: [groupId] }).catch(() => {});
    await admin.close();
  }
}

/** `left`: the last offset of each partition that has any. */
async function readUntil(
  consumer: Consumer<string, string, string, string>,
  topic: string,
  first: readonly bigint[],
  left: Map<number, bigint>,
): Promise<Lying[]> {
  const stream = await consumer.consume({
    topics: [topic],
    mode: MessagesStreamModes.MANUAL,
    offsets: first.map((offset, partition) => ({ topic, partition, offset })),
  });
  const read: Lying[] = [];
  const all = (async () => {
    for await (const message of stream) {
      const last = left.get(message.partition);
      if (last !== undefined) read.push(lying(message));
      if (last !== undefined && message.offset >= last) left.delete(message.partition);
      if (left.size === 0) return true;
    }
    return false;
  })();
  const whole = await Promise.race([all, sleep(PATIENCE_MS, false, { ref: false })]);
  await stream.close().catch(() => {});
  if (!whole) throw new Error(`${topic} could not be read to its end within ${PATIENCE_MS / 1000} s.`);
  return read;
}

function lying({ topic, partition, offset, key, value, headers }: Message<string, string, string, string>): Lying {
  return {
    at: `${topic}:${partition}:${offset}`,
    key: key ?? undefined,
    value: value ?? undefined,
    headers: Object.fromEntries(headers),
  };
}
