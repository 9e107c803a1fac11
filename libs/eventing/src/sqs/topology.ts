import { createHash, randomUUID } from 'node:crypto';
import { CreateQueueCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { clientOf } from './connection.ts';

/** How long a message in hand stays hidden unless that is extended: how long the keys of a killed instance wait. */
export const VISIBILITY_S = 10;
const FOURTEEN_DAYS_S = 1_209_600;

/** Queue names have no dots but in their ending. */
const inName = (name: string) => name.replaceAll('.', '_');

/** What the names of all queues of a topic begin with. */
export const queuesOf = (topic: string): string => `${inName(topic)}--`;

/**
 * SQS has no topics: each group has a queue of its own for each topic it reads, and whoever publishes sends to all of
 * them.
 */
export const queueOf = (topic: string, group: string): string => `${queuesOf(topic)}${inName(group)}.fifo`;

/**
 * Order is kept within a message group: the key, or what stands for one that has other characters than SQS allows.
 * Without a key, a group of its own.
 */
export function messageGroupOf(key: string = randomUUID()): string {
  return /^[\x21-\x7e]{1,128}$/.test(key) ? key : createHash('sha256').update(key).digest('hex');
}

/** Makes the queue unless it is there; its URL. */
export async function makeQueue(client: SQSClient, topic: string, group: string): Promise<string> {
  const { QueueUrl } = await client.send(
    new CreateQueueCommand({
      QueueName: queueOf(topic, group),
      Attributes: {
        FifoQueue: 'true',
        VisibilityTimeout: String(VISIBILITY_S),
        MessageRetentionPeriod: String(FOURTEEN_DAYS_S),
      },
    }),
  );
  return QueueUrl ?? '';
}

/** The queues of several groups, by whoever prepares them. */
export async function makeQueues(url: string, groups: Readonly<Record<string, readonly string[]>>): Promise<void> {
  const client = clientOf(url);
  try {
    for (const [group, topics] of Object.entries(groups))
      for (const topic of topics) await makeQueue(client, topic, group);
  } finally {
    client.destroy();
  }
}
