import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { describeWith } from '@shop/testing';
import { describe, expect, it, vi } from 'vitest';
import { busTraits } from '../bus-traits.ts';
import { messageBusContract } from '../message-bus.contract.ts';
import { browse } from './browse.ts';
import { RabbitBus } from './rabbit-bus.ts';
import { LANES, laneOf, makeQueues } from './topology.ts';

const log = { info: () => {}, warn: () => {}, error: () => {} };
const open = (url: string) => new RabbitBus({ url, clientId: 'spec', log });

describe('a subscription whose RabbitMQ is away', () => {
  it('holds nobody up, neither at the start nor at the end, and says for how long nobody has answered', async () => {
    const bus = open('amqp://127.0.0.1:1');
    const began = Date.now();
    const subscription = await bus.subscribe({ group: 'any', topics: ['any'], maxInFlight: 1, handle: async () => {} });
    expect(Date.now() - began).toBeLessThan(1_000);
    await sleep(1_200);
    expect(subscription.idleMs()).toBeGreaterThanOrEqual(1_000);
    await expect(bus.publish([{ topic: 'any', value: '1' }])).rejects.toThrow('ECONNREFUSED');
    await bus.close();
    expect(Date.now() - began).toBeLessThan(5_000);
  });
});

describeWith('rabbitmq', 'RabbitMQ', ({ url }) => {
  messageBusContract({ name: 'rabbitmq', open: () => open(url), topic: newTopic, traits: busTraits.rabbitmq });

  async function newTopic(...groups: string[]) {
    const topic = `contract-${randomUUID().slice(0, 8)}`;
    await makeQueues(url, Object.fromEntries(groups.map((group) => [group, [topic]])));
    return topic;
  }

  it('shows what waits where nobody reads, again and again, and it stays there', async () => {
    const topic = `contract-${randomUUID().slice(0, 8)}.dead-letters`;
    await makeQueues(url, { [topic]: [topic] });
    const bus = open(url);
    await bus.publish(Array.from({ length: 15 }, (_, n) => ({ topic, key: `k${n}`, value: String(n), headers: { why: 'because' } })));
    const looks = [await browse(url, topic), await browse(url, topic)];
    for (const look of looks) expect(look.map(({ value }) => Number(value)).toSorted((a, b) => a - b)).toEqual(Array.from({ length: 15 }, (_, n) => n));
    expect(looks[0]).toContainEqual(expect.objectContaining({ topic, key: 'k3', value: '3', headers: expect.objectContaining({ why: 'because' }) }));
    const ids = looks.map((look) => look.map(({ id }) => id).toSorted());
    expect(ids[0]).toEqual(ids[1]);
    await bus.close();
  });

  it('shares the lanes of a group among its instances, and leaves none unread when one goes', async () => {
    const group = `g-${randomUUID().slice(0, 8)}`;
    const topic = await newTopic(group);
    const keys = Array.from({ length: 200 }, () => randomUUID());
    expect(new Set(keys.map(laneOf)).size).toBe(LANES);
    const instances = [new Set<string>(), new Set<string>()];
    const buses = [open(url), open(url)];
    const subscriptions = await Promise.all(
      buses.map((bus, n) => bus.subscribe({ group, topics: [topic], maxInFlight: 16, handle: async ({ id }) => void instances[n]?.add(id.split(':')[1] ?? '') })),
    );
    const say = () => buses[0]!.publish(keys.map((key) => ({ topic, key, value: 'x' })));
    await vi.waitFor(
      async () => {
        instances.forEach((lanes) => lanes.clear());
        await say();
        await sleep(300);
        expect(instances.map((lanes) => lanes.size)).toEqual([LANES / 2, LANES / 2]);
      },
      { timeout: 25_000, interval: 200 },
    );
    await subscriptions[1]?.close();
    await say();
    await vi.waitFor(() => expect(instances[0]?.size).toBe(LANES), { timeout: 20_000 });
    await Promise.all(buses.map((bus) => bus.close()));
  });
});
