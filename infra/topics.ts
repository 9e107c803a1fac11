import { Admin } from '@platformatic/kafka';
import { consumers, deadLetterPartitions, deadLetterTopic, topicRetention, topics } from '@shop/contracts';
import { givenSecurity } from './kafka-security.ts';

const keepForSomeDays = Object.entries(topicRetention).map(([name, ms]) => ({ name, value: String(ms) }));
const keepForEver = [{ name: 'retention.ms', value: '-1' }];

/** Makes the topics that are not there yet: the product's, and one dead-letter topic for each consumer, which nothing ever expires from. */
export async function createTopics(brokers: string, prefix = ''): Promise<void> {
  const admin = new Admin({ ...givenSecurity(), clientId: 'launcher', bootstrapBrokers: brokers.split(','), retries: 5, retryDelay: 200, timeout: 10_000 });
  try {
    // Somebody else may be making them at the same moment: then what is missing is another list.
    await createMissing(admin, prefix).catch(() => createMissing(admin, prefix));
  } finally {
    await admin.close();
  }
}

async function createMissing(admin: Admin, prefix: string): Promise<void> {
  const there = new Set(await admin.listTopics());
  const missing = (wanted: string[]) => wanted.map((name) => prefix + name).filter((name) => !there.has(name));
  for (const partitions of new Set(Object.values(topics).map((topic) => topic.partitions))) {
    const wanted = missing(Object.entries(topics).flatMap(([name, topic]) => (topic.partitions === partitions ? [name] : [])));
    if (wanted.length > 0) await admin.createTopics({ topics: wanted, partitions, replicas: -1, configs: keepForSomeDays });
  }
  const deadLetters = missing(Object.keys(consumers).map(deadLetterTopic));
  if (deadLetters.length > 0) await admin.createTopics({ topics: deadLetters, partitions: deadLetterPartitions, replicas: -1, configs: keepForEver });
}
