import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Unpublishable, type BusMessage, type Delivery, type MessageBus, type SubscribeOptions } from './bus.ts';

export interface BusUnderTest {
  readonly name: string;
  /** A new connection to the same broker. */
  open(): MessageBus;
  /** A topic nobody has used, with several partitions or what stands for them. */
  topic(): Promise<string>;
  /** Whether a message can be too large for it. */
  limited: boolean;
}

/** What every adapter of MessageBus promises, whatever the broker. */
export function messageBusContract({ name, open, topic: newTopic, limited }: BusUnderTest): void {
  describe(`${name} as a message bus`, () => {
    const buses: MessageBus[] = [];
    const bus = () => {
      const one = open();
      buses.push(one);
      return one;
    };
    afterEach(async () => {
      await Promise.all(buses.splice(0).map((one) => one.close()));
    });

    /** A reader that notes what it handles. */
    async function reader(of: MessageBus, topic: string, group: string, handle: (delivery: Delivery) => Promise<void> = async () => {}) {
      const handled: Delivery[] = [];
      const options: SubscribeOptions = {
        group,
        topics: [topic],
        maxInFlight: 16,
        handle: async (delivery) => {
          await handle(delivery);
          handled.push(delivery);
        },
      };
      return { handled, subscription: await of.subscribe(options) };
    }
    const numbered = (topic: string, count: number, keys: number): BusMessage[] =>
      Array.from({ length: count }, (_, n) => ({ topic, key: `k${n % keys}`, value: String(n) }));
    const until = (condition: () => void) => vi.waitFor(condition, { timeout: 20_000, interval: 20 });

    it('delivers what was published, with key, value and headers, also to a group that comes later', async () => {
      const [topic, group, one] = [await newTopic(), randomUUID(), bus()];
      const early = await reader(one, topic, group);
      await one.publish([{ topic, key: 'a', value: 'grüße', headers: { why: 'because' } }]);
      await until(() => expect(early.handled).toHaveLength(1));
      expect(early.handled[0]).toMatchObject({ topic, key: 'a', value: 'grüße', headers: { why: 'because' } });
    });

    it('keeps the order within a key', async () => {
      const [topic, one] = [await newTopic(), bus()];
      const { handled } = await reader(one, topic, randomUUID());
      const messages = numbered(topic, 300, 7);
      await one.publish(messages);
      await until(() => expect(handled).toHaveLength(300));
      for (let key = 0; key < 7; key++) {
        const values = handled.filter((delivery) => delivery.key === `k${key}`).map((delivery) => Number(delivery.value));
        expect(values).toEqual(values.toSorted((a, b) => a - b));
      }
    });

    it('gives each group every message, and each message of a group to one of its instances', async () => {
      const [topic, group] = [await newTopic(), randomUUID()];
      const publisher = bus();
      const twins = [await reader(publisher, topic, group), await reader(name === 'memory' ? publisher : bus(), topic, group)];
      const other = await reader(publisher, topic, randomUUID());
      await publisher.publish(numbered(topic, 100, 20));
      await until(() => {
        expect(other.handled).toHaveLength(100);
        expect(new Set(twins.flatMap((twin) => twin.handled.map((delivery) => delivery.value))).size).toBe(100);
      });
    });

    it('delivers again what was not handled when its reader went away', async () => {
      const [topic, group, publisher] = [await newTopic(), randomUUID(), bus()];
      const first = name === 'memory' ? publisher : bus();
      let fails = true;
      const failing = await reader(first, topic, group, async (delivery) => {
        if (delivery.value === '1' && fails) throw new Error('not now');
      });
      const published = publisher.publish(numbered(topic, 3, 1));
      await until(() => expect(failing.handled.length).toBeGreaterThanOrEqual(1));
      fails = false;
      await failing.subscription.close();
      const next = await reader(publisher, topic, group);
      await until(() => expect([...failing.handled, ...next.handled].map((delivery) => delivery.value)).toContain('1'));
      await published;
    });

    it('holds back when its reader has its hands full', async () => {
      const [topic, publisher] = [await newTopic(), bus()];
      let [inHand, most] = [0, 0];
      const { handled } = await reader(publisher, topic, randomUUID(), async () => {
        most = Math.max(most, ++inHand);
        await new Promise((resolve) => setTimeout(resolve, 2));
        inHand--;
      });
      for (const message of numbered(topic, 100, 100)) await publisher.publish([message]);
      await until(() => expect(handled).toHaveLength(100));
      expect(most).toBeLessThanOrEqual(16);
    });

    if (!limited) return;
    it('names a message that it will never take, and goes on with others', async () => {
      const [topic, one] = [await newTopic(), bus()];
      const { handled } = await reader(one, topic, randomUUID());
      await expect(one.publish([{ topic, key: 'a', value: 'x'.repeat(3_000_000) }])).rejects.toBeInstanceOf(Unpublishable);
      await one.publish([{ topic, key: 'a', value: 'small' }]);
      await until(() => expect(handled.map((delivery) => delivery.value)).toEqual(['small']));
    });
  });
}
