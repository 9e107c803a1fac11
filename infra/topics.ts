import { setTimeout as sleep } from 'node:timers/promises';
import { Admin, ConfigResourceTypes, IncrementalAlterConfigOperationTypes } from '@platformatic/kafka';
import {
  consumers,
  deadLetterConfig,
  deadLetterPartitions,
  deadLetterTopic,
  messagingServices,
  storeConfig,
  storePartitions,
  storeTopic,
  topicConfig,
  topics,
  type TopicContract,
} from '@shop/contracts';
import { givenSecurity } from './kafka-security.ts';

/** A topic as it is to be at the broker. */
export interface WantedTopic {
  readonly name: string;
  readonly partitions: number;
  readonly config: Readonly<Record<string, string | number>>;
}

/**
 * Every topic as the contracts have it: the product's, one for the marks of each service's store, and one for the dead
 * letters of each consumer. Whatever makes topics, makes these.
 */
export const wantedTopics: readonly WantedTopic[] = [
  ...Object.entries<TopicContract>(topics).map(([name, topic]) => ({
    name,
    partitions: topic.partitions,
    config: topicConfig(topic),
  })),
  ...messagingServices.map((service) => ({
    name: storeTopic(service),
    partitions: storePartitions,
    config: storeConfig,
  })),
  ...Object.keys(consumers).map((consumer) => ({
    name: deadLetterTopic(consumer),
    partitions: deadLetterPartitions,
    config: deadLetterConfig,
  })),
];

const ATTEMPTS = 20;

/**
 * Makes the topics that are not there yet, and gives those that are there the settings of the contracts: so a topic of
 * state that was made before it was compacted is compacted from the next start on. Partitions stay as they are: more of
 * them move keys, which only `npm run events -- topics partitions` does. Answers what was made and what was altered.
 */
export async function createTopics(brokers: string, prefix = ''): Promise<{ made: string[]; altered: string[] }> {
  const admin = new Admin({
    ...givenSecurity(),
    clientId: 'launcher',
    bootstrapBrokers: brokers.split(','),
    retries: 5,
    retryDelay: 200,
    timeout: 10_000,
  });
  const wanted = wantedTopics.map((topic) => ({ ...topic, name: prefix + topic.name }));
  try {
    // Somebody else may be making them at the same moment, and a broker lists a topic a moment after it was made: then
    // what is missing is another list.
    for (let attempt = 1; ; attempt++) {
      try {
        const made = await createMissing(admin, wanted);
        return {
          made,
          altered: await alter(
            admin,
            wanted.filter(({ name }) => !made.includes(name)),
          ),
        };
      } catch (error) {
        if (attempt === ATTEMPTS) throw error;
        await sleep(250);
      }
    }
  } finally {
    await admin.close();
  }
}

async function createMissing(admin: Admin, wanted: readonly WantedTopic[]): Promise<string[]> {
  const there = new Set(await admin.listTopics());
  const missing = wanted.filter(({ name }) => !there.has(name));
  // Those that are alike by one request.
  for (const some of Map.groupBy(missing, ({ partitions, config }) => JSON.stringify([partitions, config])).values()) {
    const { partitions, config } = some[0]!;
    await admin.createTopics({
      topics: some.map(({ name }) => name),
      partitions,
      replicas: -1,
      configs: Object.entries(config).map(([name, value]) => ({ name, value: String(value) })),
    });
  }
  return missing.map(({ name }) => name);
}

const { TOPIC } = ConfigResourceTypes;
const { SET } = IncrementalAlterConfigOperationTypes;

/** Sets what is otherwise; what the contracts do not name stays. */
async function alter(admin: Admin, wanted: readonly WantedTopic[]): Promise<string[]> {
  if (wanted.length === 0) return [];
  const asked = wanted.map(({ name, config }) => ({
    resourceType: TOPIC,
    resourceName: name,
    configurationKeys: Object.keys(config),
  }));
  const told = new Map(
    (await admin.describeConfigs({ resources: asked })).map(({ resourceName, configs }) => [
      resourceName,
      new Map(configs.map(({ name, value }) => [name, value])),
    ]),
  );
  const resources = wanted.flatMap(({ name: resourceName, config }) => {
    const configs = Object.entries(config).filter(([key, value]) => told.get(resourceName)?.get(key) !== String(value));
    return configs.length === 0
      ? []
      : [
          {
            resourceType: TOPIC,
            resourceName,
            configs: configs.map(([name, value]) => ({ name, configOperation: SET, value: String(value) })),
          },
        ];
  });
  if (resources.length > 0) await admin.incrementalAlterConfigs({ resources });
  return resources.map(({ resourceName }) => resourceName);
}

/** The manifest of the same topics for Strimzi's operator. */
export function topicManifest(): string {
  const one = ({ name, partitions, config }: WantedTopic) =>
    [
      'apiVersion: kafka.strimzi.io/v1',
      'kind: KafkaTopic',
      'metadata:',
      `  name: ${name}`,
      'spec:',
      `  partitions: ${partitions}`,
      `  config: { ${Object.entries(config)
        .map(([key, value]) => `${key}: ${value}`)
        .join(', ')} }`,
      '',
    ].join('\n');
  return `# Made by "npm run generate" of libs/contracts/src/topics.ts: every topic, one for the marks of each service's store, and one for each consumer's dead letters.\n${wantedTopics.map(one).join('---\n')}`;
}
