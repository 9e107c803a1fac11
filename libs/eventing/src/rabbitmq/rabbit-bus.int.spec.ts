import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { describeWith } from '@shop/testing';
import { expect, it, vi } from 'vitest';
import { busTraits } from '../bus-traits.ts';
import { absenceContract, messageBusContract } from '../message-bus.contract.ts';
import { absentBrokerContract, browsingContract } from '../queueing-broker.contract.ts';
import { browse } from './browse.ts';
import { RabbitBus } from './rabbit-bus.ts';
import { LANES, laneOf, makeQueues } from './topology.ts';

const log = { info: () => {}, warn: () => {}, error: () => {} };
const open = (url: string) => new RabbitBus({ url, clientId: 'spec', log });

absenceContract('RabbitMQ', (port) => open(`amqp://127.0.0.1:${port}`));
absentBrokerContract('RabbitMQ', () => open('amqp://127.0.0.1:1'));

describeWith('rabbitmq', 'RabbitMQ', ({ url }) => {
  messageBusContract({ name: 'rabbitmq', open: () => open(url), topic: newTopic, traits: busTraits.rabbitmq });

  async function newTopic(...groups: string[]) {
    const topic = `contract-${randomUUID().slice(0, 8)}`;
    await makeQueues(url, Object.fromEntries(groups.map((group) => [group, [topic]])));
    return topic;
  }

  browsingContract({
    open: () => open(url),
    makeGroup: (group) => makeQueues(url, { [group]: [group] }),
    browse: (group) => browse(url, group),
  });

  it.concurrent('shares the lanes of a group among its instances, and leaves none unread when one goes', async () => {
    const group = `g-${randomUUID().slice(0, 8)}`;
    const topic = await newTopic(group);
    const keys = Array.from({ length: 200 }, () => randomUUID());
    expect(new Set(keys.map(laneOf)).size).toBe(LANES);
    const instances = [new Set<string>(), new Set<string>()];
    const buses = [open(url), open(url)];
    const subscriptions = await Promise.all(
      buses.map((bus, n) =>
        bus.subscribe({
          group,
          topics: [topic],
          maxInFlight: 16,
          handle: async ({ id }) => void instances[n]?.add(id.split(':')[1] ?? ''),
        }),
      ),
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
