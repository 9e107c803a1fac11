import { randomUUID } from 'node:crypto';
import { Admin } from '@platformatic/kafka';
import { describeWith } from '@shop/testing';
import { messageBusContract } from '../message-bus.contract.ts';
import { KafkaBus } from './kafka-bus.ts';

const log = { info: () => {}, warn: () => {}, error: () => {} };

describeWith('kafka', 'Kafka through @platformatic/kafka', ({ brokers }) => {
  messageBusContract({
    name: 'kafka',
    open: () => new KafkaBus({ brokers: brokers.split(','), clientId: 'contract', log }),
    async topic() {
      const topic = `contract-${randomUUID()}`;
      const admin = new Admin({ clientId: 'contract', bootstrapBrokers: brokers.split(',') });
      await admin.createTopics({ topics: [topic], partitions: 4, replicas: 1 });
      await admin.close();
      return topic;
    },
    limited: true,
  });
});
