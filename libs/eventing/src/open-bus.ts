import { openKafka, type KafkaClient } from './kafka/open-kafka.ts';
import { kafkaSecurity, type KafkaSecuritySettings } from './kafka/security.ts';
import { MemoryBus } from './memory/memory-bus.ts';
import type { Delivery, MessageBus } from './bus.ts';
import type { BusName } from './bus-traits.ts';
import type { Log } from './consumer-runtime.ts';

/** Which bus, and where it is: platform's busSettings. */
export interface BusSettings extends KafkaSecuritySettings {
  readonly BUS: BusName;
  readonly KAFKA_BROKERS?: readonly string[];
  readonly KAFKA_CLIENT?: KafkaClient;
  readonly RABBITMQ_URL?: string | undefined;
  readonly SQS_URL?: string | undefined;
}

/** Opens a bus. A client is loaded only where it is used: each costs memory and time to start. */
export async function openBus(
  settings: BusSettings,
  { clientId, log }: { clientId: string; log: Log },
): Promise<MessageBus> {
  const { BUS, KAFKA_BROKERS: brokers = [], KAFKA_CLIENT, RABBITMQ_URL = '', SQS_URL = '' } = settings;
  switch (BUS) {
    case 'memory':
      return new MemoryBus();
    case 'rabbitmq':
      return new (await import('./rabbitmq/rabbit-bus.ts')).RabbitBus({ url: RABBITMQ_URL, clientId, log });
    case 'sqs':
      return new (await import('./sqs/sqs-bus.ts')).SqsBus({ url: SQS_URL, clientId, log });
    case 'kafka':
      return openKafka(KAFKA_CLIENT ?? 'platformatic', { brokers, clientId, log, security: kafkaSecurity(settings) });
  }
}

/**
 * Makes the queues of these groups where the bus keeps a message only for groups that it knows. (Kafka's topics are
 * made by their own tools.)
 */
export async function makeQueues(
  { BUS, RABBITMQ_URL = '', SQS_URL = '' }: BusSettings,
  groups: Readonly<Record<string, readonly string[]>>,
): Promise<void> {
  if (BUS === 'rabbitmq') await (await import('./rabbitmq/topology.ts')).makeQueues(RABBITMQ_URL, groups);
  if (BUS === 'sqs') await (await import('./sqs/topology.ts')).makeQueues(SQS_URL, groups);
}

/**
 * What waits in the queues of a group of one topic that bears its name and that nobody reads; it stays there. (Kafka's
 * topics are read by their own tools.)
 */
export async function browse(
  { BUS, RABBITMQ_URL = '', SQS_URL = '' }: BusSettings,
  group: string,
): Promise<Delivery[]> {
  if (BUS === 'rabbitmq') return (await import('./rabbitmq/browse.ts')).browse(RABBITMQ_URL, group);
  if (BUS === 'sqs') return (await import('./sqs/browse.ts')).browse(SQS_URL, group);
  throw new Error(`${BUS} keeps no queues`);
}
