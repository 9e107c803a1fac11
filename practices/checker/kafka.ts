import { setTimeout as sleep } from 'node:timers/promises';
import { Kafka, logLevel, type Admin } from 'kafkajs';

/** The checker's way to Kafka. */
export function clientOf(brokers: string): Kafka {
  return new Kafka({
    clientId: 'checker',
    brokers: brokers.split(','),
    logLevel: logLevel.NOTHING,
    retry: { retries: 20 },
  });
}

const READY_WITHIN_MS = 30_000;

/**
 * Makes topics and waits until each partition has a leader. (kafkajs can wait by itself, but takes "not known yet" for
 * a failure.)
 */
export async function makeTopics(admin: Admin, topics: readonly string[], partitions: number): Promise<void> {
  if (topics.length === 0) return;
  await admin.createTopics({
    topics: topics.map((topic) => ({ topic, numPartitions: partitions })),
    waitForLeaders: false,
  });
  for (const until = performance.now() + READY_WITHIN_MS; !(await haveLeaders(admin, topics)); await sleep(20)) {
    if (performance.now() > until)
      throw new Error(`${topics.join(', ')}: no leaders after ${READY_WITHIN_MS / 1000} s`);
  }
}

async function haveLeaders(admin: Admin, names: readonly string[]): Promise<boolean> {
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [...names] });
    return topics.every(({ partitions }) => partitions.length > 0 && partitions.every(({ leader }) => leader >= 0));
  } catch {
    return false;
  }
}
