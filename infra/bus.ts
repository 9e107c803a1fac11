import { consumers, deadLetterTopic, topics } from '@shop/contracts';
import { busTraits, makeQueues, type BusName, type BusSettings } from '@shop/eventing';
import { kafkaSettings } from './kafka-security.ts';
import type { Servers, StartingServers } from './servers/index.ts';
import { Obstacle } from './state.ts';
import { createTopics } from './topics.ts';

/** The bus as services are told of it: platform's busSettings. */
export type BusEnvironment =
  | { BUS: 'kafka'; KAFKA_BROKERS: string; KAFKA_CLIENT?: string; [setting: `KAFKA_${string}`]: string | undefined }
  | { BUS: 'rabbitmq'; RABBITMQ_URL: string }
  | { BUS: 'sqs'; SQS_URL: string }
  | { BUS: 'memory' };

/** The same, as it is opened. */
export function settingsOf(bus: BusEnvironment): BusSettings {
  return bus.BUS === 'kafka'
    ? ({ ...bus, KAFKA_BROKERS: bus.KAFKA_BROKERS.split(','), KAFKA_CLIENT: undefined } as BusSettings)
    : bus;
}

/** The bus that $BUS asks for; Kafka unless it asks. */
export function wishedBus(): BusName {
  const wish = process.env['BUS'] || 'kafka';
  const name = (Object.keys(busTraits) as BusName[]).find((each) => each === wish);
  if (!name) throw new Obstacle(`BUS is one of ${Object.keys(busTraits).join(', ')}, not "${wish}".`);
  return name;
}

/** Who looks on where nobody can look on without a queue of his own. */
export const onlooker = 'story';

/**
 * Makes what is not there yet on the broker that was started: topics, or the queues of every group and of its dead
 * letters.
 */
export async function prepareBus(servers: Servers | StartingServers): Promise<BusEnvironment> {
  const [kafka, rabbitmq, sqs] = await Promise.all([servers.kafka, servers.rabbitmq, servers.sqs]);
  const deadLetters = Object.fromEntries(
    Object.keys(consumers).map((consumer) => [deadLetterTopic(consumer), [deadLetterTopic(consumer)]]),
  );
  const groups = { ...consumers, ...deadLetters };
  if (rabbitmq) return withQueues({ BUS: 'rabbitmq', RABBITMQ_URL: rabbitmq.url }, groups);
  if (sqs) return withQueues({ BUS: 'sqs', SQS_URL: sqs.url }, { ...groups, [onlooker]: Object.keys(topics) });
  if (!kafka) return { BUS: 'memory' };
  await createTopics(kafka.brokers);
  const client = process.env['KAFKA_CLIENT'];
  return {
    BUS: 'kafka',
    KAFKA_BROKERS: kafka.brokers,
    ...kafkaSettings(),
    ...(client ? { KAFKA_CLIENT: client } : {}),
  };
}

async function withQueues(bus: BusEnvironment, groups: Record<string, readonly string[]>): Promise<BusEnvironment> {
  await makeQueues(settingsOf(bus), groups);
  return bus;
}
