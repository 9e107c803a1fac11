import { DomainError } from '@shop/kernel';
import { busTraits } from '../bus-traits.ts';
import type { Lying } from '../kafka/read-topic.ts';
import { kafkaSecurity } from '../kafka/security.ts';
import { browse, type BusSettings } from '../open-bus.ts';

/** Where dead letters lie: on topics of Kafka, or in queues that nobody reads. */
export class DeadLetterTopics {
  readonly #bus: BusSettings;

  constructor(bus: BusSettings) {
    this.#bus = bus;
  }

  /** Everything on one, and it stays there. Throws `unavailable`. */
  async read(topic: string): Promise<Lying[]> {
    const { BUS, KAFKA_BROKERS: brokers = [] } = this.#bus;
    if (BUS === 'memory')
      throw new DomainError(
        'unavailable',
        'no-dead-letters-kept',
        'This shop runs without Kafka (--lite): it keeps no dead letters, only parked keys.',
      );
    try {
      if (BUS !== 'kafka')
        return (await browse(this.#bus, topic)).map(({ id, ...message }) => ({ ...message, at: id }));
      // Loaded when it is asked for: a consumer that most services never need costs memory.
      const { readTopic } = await import('../kafka/read-topic.ts');
      return await readTopic(brokers.join(), topic, kafkaSecurity(this.#bus));
    } catch (error) {
      const where = BUS === 'kafka' ? `Kafka at ${brokers.join()}` : busTraits[BUS].title;
      throw new DomainError(
        'unavailable',
        'dead-letters-unreadable',
        `${topic} cannot be read: ${where} says ${(error as Error).message}`,
      );
    }
  }
}
