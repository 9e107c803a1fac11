import { MemoryBus } from './memory/memory-bus.ts';
import type { MessageBus } from './bus.ts';
import type { BusName } from './bus-traits.ts';
import type { Log } from './consumer-runtime.ts';

/** Which bus, and where it is: platform's busSettings. */
export interface BusSettings {
  readonly BUS: BusName;
  readonly KAFKA_BROKERS?: readonly string[];
  readonly KAFKA_CLIENT?: 'platformatic' | 'kafkajs';
  readonly RABBITMQ_URL?: string | undefined;
  readonly SQS_URL?: string | undefined;
}

/** Opens a bus. A client is loaded only where it is used: each costs memory and time to start. */
export async function openBus(settings: BusSettings, { clientId, log }: { clientId: string; log: Log }): Promise<MessageBus> {
  const { BUS, KAFKA_BROKERS: brokers = [], KAFKA_CLIENT, RABBITMQ_URL: url = '' } = settings;
  switch (BUS) {
    case 'memory':
      return new MemoryBus();
    case 'rabbitmq':
      return new (await import('./rabbitmq/rabbit-bus.ts')).RabbitBus({ url, clientId, log });
    case 'kafka':
      if (KAFKA_CLIENT === 'kafkajs') return new (await import('./kafkajs/kafkajs-bus.ts')).KafkajsBus({ brokers, clientId, log });
      return new (await import('./kafka/kafka-bus.ts')).KafkaBus({ brokers, clientId, log });
  }
}

/** Makes the queues of these groups where the bus keeps a message only for groups that it knows. (Kafka's topics are made by their own tools.) */
export async function makeQueues(settings: BusSettings, groups: Readonly<Record<string, readonly string[]>>): Promise<void> {
  if (settings.BUS === 'rabbitmq') await (await import('./rabbitmq/topology.ts')).makeQueues(settings.RABBITMQ_URL ?? '', groups);
}
