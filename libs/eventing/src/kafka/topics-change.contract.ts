import { randomUUID } from 'node:crypto';
import { Admin } from '@platformatic/kafka';
import { describe, expect, vi } from 'vitest';
import type { Delivery, Lost, MessageBus } from '../bus.ts';
import { withBuses } from '../message-bus.contract.ts';

/** What each client of Kafka promises where topics change under those who read them. */
export function topicsChangeContract(name: string, brokers: readonly string[], open: () => MessageBus): void {
  const it = withBuses(open);

  describe.concurrent(`${name} where topics change`, () => {
    const admin = async <T>(work: (admin: Admin) => Promise<T>): Promise<T> => {
      const one = new Admin({ clientId: 'contract', bootstrapBrokers: [...brokers], retries: 5, retryDelay: 200 });
      return work(one).finally(() => one.close());
    };
    async function newTopic(partitions: number): Promise<string> {
      const topic = `contract-${randomUUID()}`;
      await admin(async (one) => {
        await one.createTopics({ topics: [topic], partitions, replicas: 1 });
        await vi.waitFor(() => one.metadata({ topics: [topic], forceUpdate: true }), { timeout: 10_000 });
      });
      return topic;
    }
    async function reader(bus: MessageBus, topic: string, group: string) {
      const [handled, lost] = [[] as Delivery[], [] as Lost[]];
      const handle = async (delivery: Delivery) => void handled.push(delivery);
      const subscription = await bus.subscribe({
        group,
        topics: [topic],
        maxInFlight: 16,
        handle,
        onLost: (one) => lost.push(one),
      });
      return { handled, lost, subscription };
    }
    const partitionsOf = (handled: readonly Delivery[]) => new Set(handled.map(({ id }) => Number(id.split(':')[1])));
    const until = (condition: () => void | Promise<void>) => vi.waitFor(condition, { timeout: 60_000, interval: 100 });

    it('gives the newest message of a topic, and nothing where it holds none; one that nobody knows is no empty one', async ({
      buses,
    }) => {
      const [topic, one] = [await newTopic(1), buses.open()];
      expect(await one.newest(topic)).toBeUndefined();
      expect(await one.partitionsOf([topic])).toEqual(new Map([[topic, 1]]));
      await one.publish(['1', '2', '3'].map((value) => ({ topic, key: 'k', value })));
      expect(await one.newest(topic)).toBe('3');
      await one.publish([{ topic, key: 'k', value: '4' }]);
      expect(await buses.open().newest(topic)).toBe('4');
      await expect(one.newest(`no-such-${randomUUID()}`)).rejects.toThrow();
    });

    it('reads partitions that are added, with every member of the group', async ({ buses }) => {
      const [topic, group] = [await newTopic(2), randomUUID()];
      const readers = [await reader(buses.open(), topic, group), await reader(buses.open(), topic, group)];
      const say = (publisher: MessageBus) =>
        publisher.publish(Array.from({ length: 50 }, () => ({ topic, key: randomUUID(), value: '' })));
      const all = () => readers.flatMap(({ handled }) => handled);
      await say(buses.open());
      await until(() => expect(all()).toHaveLength(50));
      await admin((one) => one.createPartitions({ topics: [{ name: topic, count: 6, assignments: null }] }));
      // A producer that comes later knows them from the beginning.
      await say(buses.open());
      await until(() => expect(partitionsOf(all()).size).toBe(6));
      await until(() => expect(all().length).toBeGreaterThanOrEqual(100));
      await until(() => expect(readers.map(({ subscription }) => subscription.unread)).toEqual([0, 0]));
    });

    it('tells of messages that were gone before the group came back, and goes on with the oldest that is there', async ({
      buses,
    }) => {
      const [topic, group, publisher] = [await newTopic(1), randomUUID(), buses.open()];
      const say = (...values: string[]) => publisher.publish(values.map((value) => ({ topic, key: 'k', value })));
      const before = await reader(buses.open(), topic, group);
      await say('1', '2');
      await until(() => expect(before.handled).toHaveLength(2));
      await before.subscription.close();
      await say('3', '4', '5', '6');
      await admin((one) =>
        one.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset: 5n }] }] }),
      );
      const after = await reader(buses.open(), topic, group);
      await until(() => expect(after.handled.map(({ value }) => value)).toEqual(['6']));
      await until(() => expect(after.lost).toEqual([{ topic, partition: 0, messages: 3, why: 'expired' }]));
    });

    it('tells of nothing where nothing was lost', async ({ buses }) => {
      const [topic, group, publisher] = [await newTopic(1), randomUUID(), buses.open()];
      const { handled, lost, subscription } = await reader(buses.open(), topic, group);
      await publisher.publish(['1', '2', '3'].map((value) => ({ topic, key: 'k', value })));
      await until(() => expect(handled).toHaveLength(3));
      await until(() => expect(subscription.unread).toBe(0));
      await admin((one) =>
        one.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset: 3n }] }] }),
      );
      await publisher.publish([{ topic, key: 'k', value: '4' }]);
      await until(() => expect(handled).toHaveLength(4));
      await subscription.close();
      expect(lost).toEqual([]);
    });
  });
}
