import { randomUUID } from 'node:crypto';
import { Admin } from '@platformatic/kafka';

/** Makes a topic that nobody has used. */
export async function newTopic(brokers: string, partitions: number): Promise<string> {
  const topic = `bench-${randomUUID()}`;
  const admin = new Admin({ clientId: 'bench', bootstrapBrokers: brokers.split(','), retries: 5, retryDelay: 200 });
  try {
    await admin.createTopics({ topics: [topic], partitions, replicas: -1 });
  } finally {
    await admin.close();
  }
  return topic;
}

/** What the parts of a bench have to say of themselves goes to its terminal. */
export const log = { info: () => {}, warn: report, error: report };

function report(fields: object, message: string): void {
  if (process.env['BENCH_VERBOSE']) console.error(message, fields);
}
