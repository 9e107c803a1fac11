import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Admin, Consumer } from '@platformatic/kafka';
import { describeWith } from '@shop/testing';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { busTraits } from '../bus-traits.ts';
import { absenceContract, messageBusContract, warm, withBuses } from '../message-bus.contract.ts';
import { KafkaBus } from './kafka-bus.ts';
import { topicsChangeContract } from './topics-change.contract.ts';

const log = { info: () => {}, warn: () => {}, error: () => {} };

const open = (brokers: string, commitDeadlineMs?: number) =>
  new KafkaBus({ brokers: brokers.split(','), clientId: 'spec', log, ...(commitDeadlineMs && { commitDeadlineMs }) });
const reading = (topic: string, group: string = randomUUID(), handle = async () => {}) => ({
  group,
  topics: [topic],
  maxInFlight: 4,
  handle,
});

describe.concurrent('a subscription whose broker is away', () => {
  it('holds nobody up, neither at the start nor at the end, and makes nobody stuck: it goes on asking', async () => {
    const bus = open('127.0.0.1:1');
    const began = Date.now();
    const subscription = await bus.subscribe(reading('any'));
    expect(Date.now() - began).toBeLessThan(1_000);
    // Each attempt fails, and the next one follows.
    for (const until = Date.now() + 3_000; Date.now() < until; await sleep(50))
      expect(subscription.idleMs()).toBeLessThan(2_500);
    const closing = Date.now();
    await bus.close();
    expect(Date.now() - closing).toBeLessThan(5_000);
  });
});

describe.concurrent('the end of a topic', () => {
  it('is not told by a broker that is away, or accepts and is silent: that is known in seconds', {
    timeout: 30_000,
  }, async () => {
    const silent = createServer(() => {});
    await once(silent.listen(0, '127.0.0.1'), 'listening');
    for (const port of [1, (silent.address() as AddressInfo).port]) {
      const [began, bus] = [performance.now(), open(`127.0.0.1:${port}`)];
      await expect(bus.end('group', ['any'])).rejects.toThrow();
      expect(performance.now() - began).toBeLessThan(8_000);
      await bus.close();
    }
    silent.close();
  });
});

absenceContract('Kafka through @platformatic/kafka', (port) => open(`127.0.0.1:${port}`));

describeWith('kafka', 'Kafka through @platformatic/kafka', ({ brokers }) => {
  // The broker makes topics of its own when the first group and the first idempotent producer come, and refuses others
  // meanwhile.
  beforeAll(async () => warm(open(brokers), await newTopic()));

  messageBusContract({
    name: 'kafka',
    open: () => new KafkaBus({ brokers: brokers.split(','), clientId: 'contract', log }),
    topic: () => newTopic(),
    traits: busTraits.kafka,
  });
  topicsChangeContract(
    '@platformatic/kafka',
    brokers.split(','),
    () => new KafkaBus({ brokers: brokers.split(','), clientId: 'contract', log }),
  );

  async function newTopic(partitions = 4) {
    const topic = `contract-${randomUUID()}`;
    const admin = new Admin({ clientId: 'contract', bootstrapBrokers: brokers.split(',') });
    await admin.createTopics({ topics: [topic], partitions, replicas: 1 });
    await vi.waitFor(() => admin.metadata({ topics: [topic], forceUpdate: true }), { timeout: 10_000 });
    await admin.close();
    return topic;
  }

  const itsOwn = withBuses(() => new KafkaBus({ brokers: brokers.split(','), clientId: 'spec', log }));
  itsOwn.concurrent(
    'has an answer for an instance that has no partition, and for one whose hands are full',
    async ({ buses }) => {
      const [topic, group, bus] = [await newTopic(1), randomUUID(), buses.open()];
      let free = () => {};
      const busy = new Promise<void>((resolve) => (free = resolve));
      const both = [
        await bus.subscribe(reading(topic, group, () => busy)),
        await bus.subscribe(reading(topic, group, () => busy)),
      ];
      await bus.publish(Array.from({ length: 8 }, (_, n) => ({ topic, value: String(n) })));
      await sleep(9_000);
      free();
      expect(Math.max(...both.map((one) => one.idleMs()))).toBeLessThan(6_000);
    },
  );

  itsOwn.concurrent('may be closed at any moment of its joining', async ({ buses }) => {
    const topic = await newTopic();
    for (const ms of [0, 5, 20, 50, 100, 200, 400, 800]) {
      const subscription = await buses.open().subscribe(reading(topic));
      await sleep(ms);
      await subscription.close();
    }
  });

  it.each([
    ['fails', () => Promise.reject(new Error('not now'))],
    ['is never answered', () => new Promise<void>(() => {})],
  ])(
    'commits what was handled also when a commit %s and nothing more comes',
    { timeout: 60_000 },
    async (_what, answer) => {
      const [topic, group, bus] = [await newTopic(1), randomUUID(), open(brokers, 3_000)];
      const committed = vi.spyOn(Consumer.prototype, 'commit').mockImplementationOnce(answer);
      let handled = 0;
      await bus.subscribe(reading(topic, group, async () => void handled++));
      await bus.publish([{ topic, value: 'only' }]);
      await vi.waitFor(() => expect(handled).toBeGreaterThan(0), { timeout: 15_000 });
      const admin = new Admin({ clientId: 'spec', bootstrapBrokers: brokers.split(',') });
      const offset = async () =>
        (await admin.listConsumerGroupOffsets({ groups: [group] }))[0]?.topics[0]?.partitions[0]?.committedOffset;
      await vi.waitFor(async () => expect(await offset()).toBe(1n), { timeout: 40_000, interval: 100 });
      committed.mockRestore();
      await Promise.all([admin.close(), bus.close()]);
    },
  );
});
