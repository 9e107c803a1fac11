import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { describeWith } from '@shop/testing';
import { describe, expect, it, vi } from 'vitest';
import { busTraits } from '../bus-traits.ts';
import { messageBusContract } from '../message-bus.contract.ts';
import { browse } from './browse.ts';
import { SqsBus } from './sqs-bus.ts';
import { makeQueues, VISIBILITY_S } from './topology.ts';

const log = { info: () => {}, warn: () => {}, error: () => {} };
const open = (url: string) => new SqsBus({ url, clientId: 'spec', log });

describe('a subscription whose SQS is away', () => {
  it('holds nobody up, neither at the start nor at the end, and says for how long nobody has answered', async () => {
    const bus = open('http://any:any@127.0.0.1:1');
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

describeWith('sqs', 'SQS', ({ url }) => {
  async function newTopic(...groups: string[]) {
    const topic = `contract-${randomUUID().slice(0, 8)}`;
    await makeQueues(url, Object.fromEntries(groups.map((group) => [group, [topic]])));
    return topic;
  }
  messageBusContract({ name: 'sqs', open: () => open(url), topic: newTopic, traits: busTraits.sqs });

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

  it('hides a message from others for as long as it is in hand', async () => {
    const group = `g-${randomUUID().slice(0, 8)}`;
    const [topic, bus] = [await newTopic(group), open(url)];
    let deliveries = 0;
    let free = () => {};
    const busy = new Promise<void>((resolve) => (free = resolve));
    const reading = { group, topics: [topic], maxInFlight: 2, handle: () => (deliveries++, busy) };
    const both = [await bus.subscribe(reading), await bus.subscribe(reading)];
    await bus.publish([{ topic, key: 'a', value: '1' }]);
    await vi.waitFor(() => expect(deliveries).toBe(1), { timeout: 10_000 });
    await sleep((VISIBILITY_S + 3) * 1_000);
    expect(deliveries).toBe(1);
    expect(Math.max(...both.map((one) => one.idleMs()))).toBeLessThan(6_000);
    free();
    await bus.close();
  });
});
