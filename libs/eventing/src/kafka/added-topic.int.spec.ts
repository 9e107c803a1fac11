import { randomUUID } from 'node:crypto';
import { Admin } from '@platformatic/kafka';
import { describeWith } from '@shop/testing';
import { afterEach, expect, it, vi } from 'vitest';
import type { MessageBus } from '../bus.ts';
import { kafkaClients, openKafka } from './open-kafka.ts';

const log = { info: () => {}, warn: () => {}, error: () => {} };

describeWith('kafka', 'a version that reads one topic more', ({ brokers }) => {
  const buses: MessageBus[] = [];
  afterEach(async () => {
    await Promise.all(buses.splice(0).map((bus) => bus.close()));
  });
  const newTopic = async () => {
    const [topic, admin] = [
      `added-${randomUUID()}`,
      new Admin({ clientId: 'spec', bootstrapBrokers: brokers.split(',') }),
    ];
    await admin.createTopics({ topics: [topic], partitions: 4, replicas: 1 });
    await vi.waitFor(() => admin.metadata({ topics: [topic], forceUpdate: true }), { timeout: 10_000 });
    await admin.close();
    return topic;
  };

  it.each(kafkaClients.flatMap((client) => [[client, 'older', 'newer'] as const, [client, 'newer', 'older'] as const]))(
    'works beside one that does not know it (%s, the %s one was first, then the %s one)',
    async (client, first, second) => {
      const [known, added, group] = [await newTopic(), await newTopic(), randomUUID()];
      const handled = { older: new Map<string, Set<string>>(), newer: new Map<string, Set<string>>() };
      const open = async () => {
        const bus = await openKafka(client, { brokers: brokers.split(','), clientId: 'spec', log });
        buses.push(bus);
        return bus;
      };
      const keys = Array.from({ length: 16 }, (_, n) => `k${n}`);
      const publisher = await open();
      await publisher.publish([known, added].flatMap((topic) => keys.map((key) => ({ topic, key, value: 'before' }))));
      const join = async (version: keyof typeof handled) => {
        const topics = version === 'newer' ? [known, added] : [known];
        const take = async ({
          topic,
          key = '',
          value = '',
        }: {
          topic: string;
          key: string | undefined;
          value: string | undefined;
        }) => {
          const some = handled[version].get(topic) ?? new Set();
          handled[version].set(topic, some.add(`${key} ${value}`));
        };
        await (await open()).subscribe({ group, topics, maxInFlight: 16, handle: take });
      };
      await join(first);
      await vi.waitFor(() => expect(handled[first].get(known)?.size).toBe(16), { timeout: 20_000 });
      await join(second);
      // Until they have found together.
      const both = () =>
        [handled.older.get(known), handled.newer.get(known)].map((some) =>
          [...(some ?? [])].some((each) => each.endsWith('after')),
        );
      await vi.waitFor(
        async () => {
          await publisher.publish(
            [known, added].flatMap((topic) => keys.map((key) => ({ topic, key, value: `${randomUUID()} after` }))),
          );
          expect(both()).toEqual([true, true]);
        },
        { timeout: 25_000, interval: 300 },
      );
      await publisher.publish([known, added].flatMap((topic) => keys.map((key) => ({ topic, key, value: 'last' }))));
      const last = (topic: string, ...versions: (keyof typeof handled)[]) =>
        new Set(
          versions.flatMap((version) =>
            [...(handled[version].get(topic) ?? [])].filter((each) => each.endsWith(' last')),
          ),
        );
      await vi.waitFor(
        () => expect([last(known, 'older', 'newer').size, last(added, 'newer').size]).toEqual([16, 16]),
        { timeout: 15_000 },
      );
      expect(handled.older.has(added)).toBe(false);
    },
  );
});
