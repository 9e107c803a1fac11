import { randomUUID } from 'node:crypto';
import { Admin } from '@platformatic/kafka';
import { describeWith } from '@shop/testing';
import { afterAll, expect, it, vi } from 'vitest';
import { busTraits } from '../bus-traits.ts';
import { KafkaBus } from '../kafka/kafka-bus.ts';
import { messageBusContract } from '../message-bus.contract.ts';
import { KafkajsBus } from './kafkajs-bus.ts';

const log = { info: () => {}, warn: () => {}, error: () => {} };

describeWith('kafka', 'Kafka through kafkajs', ({ brokers }) => {
  const options = { brokers: brokers.split(','), clientId: 'contract', log };
  async function topic(): Promise<string> {
    const name = `contract-${randomUUID()}`;
    const admin = new Admin({ clientId: 'contract', bootstrapBrokers: options.brokers });
    await admin.createTopics({ topics: [name], partitions: 4, replicas: 1 });
    await vi.waitFor(() => admin.metadata({ topics: [name], forceUpdate: true }), { timeout: 10_000 });
    await admin.close();
    return name;
  }
  messageBusContract({ name: 'kafkajs', open: () => new KafkajsBus(options), topic, traits: busTraits.kafka });

  const buses = [new KafkaBus(options), new KafkajsBus(options)];
  afterAll(() => Promise.all(buses.map((bus) => bus.close())));

  it('puts a key on the partition where the other client puts it', async () => {
    const name = await topic();
    const keys = Array.from({ length: 40 }, () => randomUUID());
    const partitions = new Map<string, Set<string>>();
    await buses[0]?.subscribe({
      group: randomUUID(),
      topics: [name],
      maxInFlight: 100,
      handle: async ({ id, key = '' }) => void partitions.set(key, (partitions.get(key) ?? new Set()).add(id.split(':')[1] ?? '')),
    });
    for (const [from, bus] of buses.entries()) await bus.publish(keys.map((key) => ({ topic: name, key, value: String(from) })));
    await vi.waitFor(() => expect(partitions.size).toBe(40), { timeout: 20_000 });
    expect([...partitions.values()].map((seen) => seen.size)).toEqual(Array(40).fill(1));
    expect(new Set([...partitions.values()].flatMap((seen) => [...seen])).size).toBe(4);
  });
});
