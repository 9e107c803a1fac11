import type { MessageBus } from '../bus.ts';
import type { KafkaBusOptions } from './connection.ts';

/** The clients by which Kafka can be spoken to. */
export const kafkaClients = ['platformatic', 'kafkajs'] as const;
export type KafkaClient = (typeof kafkaClients)[number];

/** Kafka through one of its clients. Only that one is loaded: each costs memory and time to start. */
export async function openKafka(client: KafkaClient, options: KafkaBusOptions): Promise<MessageBus> {
  switch (client) {
    case 'platformatic':
      return new (await import('./kafka-bus.ts')).KafkaBus(options);
    case 'kafkajs':
      return new (await import('../kafkajs/kafkajs-bus.ts')).KafkajsBus(options);
  }
}
