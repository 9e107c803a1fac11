import { randomUUID } from 'node:crypto';
import { describeWith } from '@shop/testing';
import { Admin } from '@platformatic/kafka';
import { afterAll, expect, it, vi } from 'vitest';
import { publishApart } from '../destinations.ts';
import { KafkajsBus } from '../kafkajs/kafkajs-bus.ts';
import type { MessageBus } from '../bus.ts';
import { KafkaBus } from './kafka-bus.ts';

const log = { info: () => {}, warn: () => {}, error: () => {} };

describeWith('kafka', 'a topic that is not there yet', ({ brokers }) => {
  const options = { brokers: brokers.split(','), clientId: 'spec', log };
  const admin = new Admin({ clientId: 'spec', bootstrapBrokers: options.brokers });
  const buses: MessageBus[] = [];
  afterAll(() => Promise.all([admin.close(), ...buses.map((bus) => bus.close())]));

  const make = async (topic: string) => {
    await admin.createTopics({ topics: [topic], partitions: 2, replicas: 1 });
    await vi.waitFor(() => admin.metadata({ topics: [topic], forceUpdate: true }), { timeout: 10_000 });
  };

  it.each([
    ['@platformatic/kafka', () => new KafkaBus(options)],
    ['kafkajs', () => new KafkajsBus(options)],
  ])('holds back its keys alone, and takes them when it is there: %s', { timeout: 90_000 }, async (_, open) => {
    const bus = open();
    buses.push(bus);
    const [ill, well] = [`held-${randomUUID()}`, `held-${randomUUID()}`];
    await make(well);
    const keys = Array.from({ length: 8 }, (_, n) => `k${n}`);
    const given = [ill, well].flatMap((topic) =>
      keys.map((key) => ({ shard: 0, id: '1', topic, key: `${topic} ${key}`, payload: key })),
    );
    await bus.prove();
    const outcome = await publishApart(bus, given, 60_000);
    expect(outcome.held.map(({ message: { topic } }) => topic)).toEqual(Array(8).fill(ill));
    expect([...outcome.failed.keys()]).toEqual([ill]);
    expect([...outcome.took].toSorted()).toEqual([`${well}:0`, `${well}:1`]);
    await make(ill);
    const held = outcome.held.map(({ message }) => message);
    await vi.waitFor(async () => expect((await publishApart(bus, held, 20_000)).held).toEqual([]), { timeout: 40_000 });
  });
});
