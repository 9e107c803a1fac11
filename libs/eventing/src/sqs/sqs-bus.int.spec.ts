import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { describeWith } from '@shop/testing';
import { expect, it, vi } from 'vitest';
import { busTraits } from '../bus-traits.ts';
import { absenceContract, messageBusContract } from '../message-bus.contract.ts';
import { absentBrokerContract, browsingContract } from '../queueing-broker.contract.ts';
import { browse } from './browse.ts';
import { SqsBus } from './sqs-bus.ts';
import { makeQueues, VISIBILITY_S } from './topology.ts';

const log = { info: () => {}, warn: () => {}, error: () => {} };
const open = (url: string) => new SqsBus({ url, clientId: 'spec', log });

absenceContract('SQS', (port) => open(`http://any:any@127.0.0.1:${port}`));
absentBrokerContract('SQS', () => open('http://any:any@127.0.0.1:1'));

describeWith('sqs', 'SQS', ({ url }) => {
  async function newTopic(...groups: string[]) {
    const topic = `contract-${randomUUID().slice(0, 8)}`;
    await makeQueues(url, Object.fromEntries(groups.map((group) => [group, [topic]])));
    return topic;
  }
  messageBusContract({ name: 'sqs', open: () => open(url), topic: newTopic, traits: busTraits.sqs });

  browsingContract({
    open: () => open(url),
    makeGroup: (group) => makeQueues(url, { [group]: [group] }),
    browse: (group) => browse(url, group),
  });

  it.concurrent('hides a message from others for as long as it is in hand', async () => {
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
