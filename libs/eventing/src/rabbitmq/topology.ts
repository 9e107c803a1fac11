import { randomUUID } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { connect, type Channel } from 'amqplib';

/**
 * What partitions are to Kafka: each group has so many queues, and a key is always in the same one. It bounds how many
 * instances of a group work side by side. The number never changes, since that would move keys.
 */
export const LANES = 4;

/** The lane of a message; one without a key may be in any. */
export const laneOf = (key: string = randomUUID()): number => crc32(key) % LANES;

export const queueOf = (group: string, lane: number): string => `${group}.${lane}`;

/** A queue that nobody writes to: its consumers are the instances of the group. */
export const membersOf = (group: string): string => `${group}.members`;

/**
 * Makes what is not there yet: an exchange for each topic, which routes a message by its lane to every group, and the
 * queues of one group, each replicated and with one active consumer, so that a key's order holds however many instances
 * there are.
 */
export async function declareGroup(channel: Channel, group: string, topics: readonly string[]): Promise<void> {
  for (const topic of topics) await channel.assertExchange(topic, 'topic', { durable: true });
  for (let lane = 0; lane < LANES; lane++) {
    await channel.assertQueue(queueOf(group, lane), {
      durable: true,
      arguments: { 'x-queue-type': 'quorum', 'x-single-active-consumer': true },
    });
    for (const topic of topics) await channel.bindQueue(queueOf(group, lane), topic, String(lane));
  }
}

/** The same for several groups, by whoever prepares a broker. */
export async function makeQueues(url: string, groups: Readonly<Record<string, readonly string[]>>): Promise<void> {
  const connection = await connect(url, { timeout: 5_000 });
  connection.on('error', () => {});
  try {
    const channel = await connection.createChannel();
    for (const [group, topics] of Object.entries(groups)) await declareGroup(channel, group, topics);
  } finally {
    await connection.close();
  }
}
