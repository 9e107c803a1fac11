import { randomUUID } from 'node:crypto';
import { Admin } from '@platformatic/kafka';
import { describeWith } from '@shop/testing';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { busTraits } from '../bus-traits.ts';
import { KafkaBus } from '../kafka/kafka-bus.ts';
import { absenceContract, messageBusContract, warm } from '../message-bus.contract.ts';
import { topicsChangeContract } from '../kafka/topics-change.contract.ts';
import { KafkajsBus } from './kafkajs-bus.ts';

const log = { info: () => {}, warn: () => {}, error: () => {} };

absenceContract(
  'Kafka through kafkajs',
  (port) => new KafkajsBus({ brokers: [`127.0.0.1:${port}`], clientId: 'spec', log }),
);

describeWith('kafka', 'Kafka through kafkajs', ({ brokers }) => {
  const options = { brokers: brokers.split(','), clientId: 'contract', log };
  async function topic(partitions = 4): Promise<string> {
    const name = `contract-${randomUUID()}`;
    const admin = new Admin({ clientId: 'contract', bootstrapBrokers: options.brokers });
    await admin.createTopics({ topics: [name], partitions, replicas: 1 });
    await vi.waitFor(() => admin.metadata({ topics: [name], forceUpdate: true }), { timeout: 10_000 });
    await admin.close();
    return name;
  }
  beforeAll(async () => warm(new KafkajsBus(options), await topic()));
  messageBusContract({
    name: 'kafkajs',
    open: () => new KafkajsBus(options),
    topic: () => topic(),
    traits: busTraits.kafka,
  });
  topicsChangeContract('kafkajs', options.brokers, () => new KafkajsBus(options));

  const buses = [new KafkaBus(options), new KafkajsBus(options)];
  afterAll(() => Promise.all(buses.map((bus) => bus.close())));

  it('puts a key on the partition where the other client puts it', async () => {
    // As many as the product's topics have: not a power of two, which would hide how the sign of a hash is taken.
    const name = await topic(12);
    const keys = Array.from({ length: 40 }, () => randomUUID());
    const partitions = new Map<string, Set<string>>();
    await buses[0]?.subscribe({
      group: randomUUID(),
      topics: [name],
      maxInFlight: 100,
      handle: async ({ id, key = '' }) =>
        void partitions.set(key, (partitions.get(key) ?? new Set()).add(id.split(':')[1] ?? '')),
    });
    for (const [from, bus] of buses.entries())
      await bus.publish(keys.map((key) => ({ topic: name, key, value: String(from) })));
    await vi.waitFor(() => expect(partitions.size).toBe(40), { timeout: 20_000 });
    expect([...partitions.values()].map((seen) => seen.size)).toEqual(Array(40).fill(1));
    expect(new Set([...partitions.values()].flatMap((seen) => [...seen])).size).toBeGreaterThan(6);
    const messages = [...partitions.keys()].map((key) => ({ topic: name, key, value: '' }));
    for (const bus of buses)
      expect(await bus.destinationsOf(messages)).toEqual(
        [...partitions.values()].map(([partition]) => `${name}:${partition}`),
      );
  });
});
