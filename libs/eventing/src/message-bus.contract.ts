import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, test, vi } from 'vitest';
import { Unpublishable, type BusMessage, type Delivery, type MessageBus, type SubscribeOptions } from './bus.ts';
import type { BusTraits } from './bus-traits.ts';

export interface BusUnderTest {
  readonly name: string;
  /** A new connection to the same broker. */
  open(): MessageBus;
  /** A topic nobody has used, with several partitions or what stands for them, and with what these groups need. */
  topic(...groups: string[]): Promise<string>;
  /** What it says of itself: the suite holds it to that. */
  readonly traits: BusTraits;
}

/** The connections of one test, closed with it. */
export class Buses {
  readonly #open: () => MessageBus;
  readonly #opened: MessageBus[] = [];

  constructor(open: () => MessageBus) {
    this.#open = open;
  }

  open(): MessageBus {
    const one = this.#open();
    this.#opened.push(one);
    return one;
  }

  async close(): Promise<void> {
    await Promise.all(this.#opened.splice(0).map((one) => one.close()));
  }
}

/** Tests that each have connections of their own, so that they may run side by side: most of each is waiting. */
export const withBuses = (open: () => MessageBus) =>
  test.extend<{ buses: Buses }>({
    buses: async ({}, use) => {
      const buses = new Buses(open);
      await use(buses);
      await buses.close();
    },
  });

/** Waits until a broker that nobody has used yet serves producers and groups. */
export async function warm(bus: MessageBus, topic: string): Promise<void> {
  const group = randomUUID();
  await vi.waitFor(() => bus.publish([{ topic, key: 'k', value: '' }]), { timeout: 60_000, interval: 500 });
  const { promise: read, resolve } = Promise.withResolvers<void>();
  await bus.subscribe({ group, topics: [topic], maxInFlight: 1, handle: async () => resolve() });
  await read;
  await bus.close();
}

/**
 * What every adapter answers when it is asked whether its broker is there, and it is not; `open` points at a port of
 * this machine.
 */
export function absenceContract(name: string, open: (port: number) => MessageBus): void {
  describe.concurrent(`${name}, asked whether it is there`, () => {
    it.each(['nobody listens', 'somebody listens and says nothing'])(
      'says no within seconds where %s',
      async (where) => {
        const sockets: Socket[] = [];
        const server = createServer((socket) => void sockets.push(socket));
        await once(server.listen(0, '127.0.0.1'), 'listening');
        const { port } = server.address() as AddressInfo;
        if (where === 'nobody listens') server.close();
        const bus = open(port);
        const began = performance.now();
        await expect(bus.prove()).rejects.toThrow();
        await expect(bus.prove()).rejects.toThrow();
        expect(performance.now() - began).toBeLessThan(9_000);
        for (const socket of sockets) socket.destroy();
        server.close();
        await bus.close();
      },
    );
  });
}

/** What every adapter of MessageBus promises, whatever the broker. */
export function messageBusContract({ name, open, topic: newTopic, traits }: BusUnderTest): void {
  const it = withBuses(open);

  describe.concurrent(`${name} as a message bus`, () => {
    /** Another connection to the same broker; in memory there is only one. */
    const other = (buses: Buses, one: MessageBus) => (name === 'memory' ? one : buses.open());

    /** A reader that notes what it handles. */
    async function reader(
      of: MessageBus,
      topic: string,
      group: string,
      handle: (delivery: Delivery) => Promise<void> = async () => {},
    ) {
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
    const topicAndGroup = async () => {
      const group = `g-${randomUUID().slice(0, 8)}`;
      return [await newTopic(group), group] as const;
    };
    const numbered = (topic: string, count: number, keys: number): BusMessage[] =>
      Array.from({ length: count }, (_, n) => ({ topic, key: `k${n % keys}`, value: String(n) }));
    const valuesOf = (handled: readonly Delivery[], key?: string) =>
      handled.filter((delivery) => key === undefined || delivery.key === key).map((delivery) => Number(delivery.value));
    const until = (condition: () => void) => vi.waitFor(condition, { timeout: 25_000, interval: 20 });

    it('answers when it is asked whether it is there', async ({ buses }) => {
      const one = buses.open();
      await one.prove();
      await one.prove();
    });

    it('delivers what was published, with key, value and headers, and what has no key', async ({ buses }) => {
      const [[topic, group], one] = [await topicAndGroup(), buses.open()];
      const { handled } = await reader(one, topic, group);
      await one.publish([{ topic, key: 'a', value: 'grüße', headers: { why: 'because' } }]);
      await one.publish([{ topic, value: 'to whom it may concern' }]);
      await until(() => expect(handled).toHaveLength(2));
      expect(handled).toContainEqual(
        expect.objectContaining({
          topic,
          key: 'a',
          value: 'grüße',
          headers: expect.objectContaining({ why: 'because' }),
        }),
      );
      expect(handled).toContainEqual(
        expect.objectContaining({ topic, key: undefined, value: 'to whom it may concern' }),
      );
      expect(new Set(handled.map((delivery) => delivery.id)).size).toBe(2);
    });

    it('keeps the order within a key, also within one batch', async ({ buses }) => {
      const [[topic, group], one] = [await topicAndGroup(), buses.open()];
      const { handled } = await reader(one, topic, group);
      await one.publish(numbered(topic, 300, 7));
      await until(() => expect(handled).toHaveLength(300));
      for (let key = 0; key < 7; key++) {
        const values = valuesOf(handled, `k${key}`);
        expect(values).toEqual(values.toSorted((a, b) => a - b));
      }
    });

    it('gives each group every message, and each message of a group to one of its instances', async ({ buses }) => {
      const [group, second] = [`g-${randomUUID().slice(0, 8)}`, `h-${randomUUID().slice(0, 8)}`];
      const [topic, publisher] = [await newTopic(group, second), buses.open()];
      const twins = [await reader(publisher, topic, group), await reader(other(buses, publisher), topic, group)];
      const { handled } = await reader(publisher, topic, second);
      await publisher.publish(numbered(topic, 100, 20));
      await until(() => {
        expect(handled).toHaveLength(100);
        expect(new Set(twins.flatMap((twin) => valuesOf(twin.handled))).size).toBe(100);
      });
    });

    it('keeps the order within a key while instances of its group come and go', async ({ buses }) => {
      const [[topic, group], publisher] = [await topicAndGroup(), buses.open()];
      const first = new Map<string, number[]>();
      const note = async ({ key = '', value }: Delivery) => {
        const seen = first.get(key) ?? [];
        // Twice is allowed, sooner than its predecessor is not.
        if (!seen.includes(Number(value))) first.set(key, [...seen, Number(value)]);
        await sleep(1);
      };
      const twins = [
        await reader(publisher, topic, group, note),
        await reader(other(buses, publisher), topic, group, note),
      ];
      const published = (async () => {
        for (let n = 0; n < 60; n++)
          await publisher.publish(Array.from({ length: 6 }, (_, key) => ({ topic, key: `k${key}`, value: String(n) })));
      })();
      await until(() => expect(first.get('k0')?.length).toBeGreaterThan(10));
      await twins[0]?.subscription.close();
      await reader(other(buses, publisher), topic, group, note);
      await published;
      await until(() => expect([...first.values()].map((seen) => seen.length)).toEqual(Array(6).fill(60)));
      for (const seen of first.values()) expect(seen).toEqual(Array.from({ length: 60 }, (_, n) => n));
    });

    it('delivers again what was not handled when its reader went away, and nothing that was', async ({ buses }) => {
      const [[topic, group], publisher] = [await topicAndGroup(), buses.open()];
      const failing = await reader(other(buses, publisher), topic, group, async ({ value }) => {
        if (value === '1') throw new Error('not now');
      });
      const published = publisher.publish(numbered(topic, 3, 3));
      await until(() => expect(new Set(valuesOf(failing.handled))).toEqual(new Set([0, 2])));
      await sleep(200); // so that what was handled is acknowledged
      await failing.subscription.close();
      const next = await reader(publisher, topic, group);
      await until(() => expect(valuesOf(next.handled)).toContain(1));
      await published;
    });

    it('forgets a subscription that is closed: one that comes and goes all day holds nothing', async ({ buses }) => {
      const [[topic, group], one] = [await topicAndGroup(), buses.open()];
      const { subscription } = await reader(one, topic, group);
      await subscription.close();
      const closed = vi.spyOn(subscription, 'close');
      await one.close();
      expect(closed).not.toHaveBeenCalled();
    });

    it('does not deliver again what was handled before its reader left in good order', async ({ buses }) => {
      const [[topic, group], publisher] = [await topicAndGroup(), buses.open()];
      const before = await reader(other(buses, publisher), topic, group, () => sleep(50));
      const published = publisher.publish(numbered(topic, 12, 4));
      await until(() => expect(before.handled.length).toBeGreaterThan(0));
      await published;
      await until(() => expect(before.handled).toHaveLength(12));
      await before.subscription.close();
      const next = await reader(publisher, topic, group);
      await publisher.publish([
        { topic, key: 'k0', value: '12' },
        { topic, key: 'k1', value: '13' },
        { topic, key: 'k2', value: '14' },
        { topic, key: 'k3', value: '15' },
      ]);
      await until(() => expect(next.handled.length).toBeGreaterThanOrEqual(4));
      expect(valuesOf(next.handled).toSorted((a, b) => a - b)).toEqual([12, 13, 14, 15]);
    });

    it('goes on with other keys when a message of one can never be handled', async ({ buses }) => {
      const [[topic, group], publisher] = [await topicAndGroup(), buses.open()];
      let attempts = 0;
      const { handled } = await reader(publisher, topic, group, async ({ key }) => {
        if (key === 'poison') throw new Error(`attempt ${++attempts}`);
      });
      const poison = publisher.publish([{ topic, key: 'poison', value: '-1' }]).catch(() => {});
      await until(() => expect(attempts).toBeGreaterThan(0));
      await publisher.publish(numbered(topic, 60, 20));
      await until(() => expect(new Set(valuesOf(handled)).size).toBe(60));
      if (traits.failedComesAgain) await until(() => expect(attempts).toBeGreaterThan(1));
      await buses.close();
      await poison;
    });

    it('holds back when its reader has its hands full', async ({ buses }) => {
      const [[topic, group], publisher] = [await topicAndGroup(), buses.open()];
      let [inHand, most] = [0, 0];
      const { handled } = await reader(publisher, topic, group, async () => {
        most = Math.max(most, ++inHand);
        await sleep(2);
        inHand--;
      });
      for (let n = 0; n < 100; n += 20) await publisher.publish(numbered(topic, 100, 100).slice(n, n + 20));
      await until(() => expect(handled).toHaveLength(100));
      expect(most).toBeLessThanOrEqual(16);
    });

    // In memory nothing lies beyond what is in hand, and a message is published when it is handled. A broker of queues
    // knows only what is not in hand: more than that is published.
    if (name !== 'memory') {
      it('has reached the end of a topic when everything that was there is handled, and not before', async ({
        buses,
      }) => {
        const [[topic, group], one] = [await topicAndGroup(), buses.open()];
        const gate = Promise.withResolvers<void>();
        const { handled } = await reader(one, topic, group, () => gate.promise);
        await one.publish(numbered(topic, 400, 8));
        const end = await one.end(group, [topic]);
        await sleep(500);
        expect(await end.isReached()).toBe(false);
        gate.resolve();
        await until(() => expect(handled).toHaveLength(400));
        await vi.waitFor(async () => expect(await end.isReached()).toBe(true), { timeout: 25_000, interval: 200 });
      });
    }

    if (traits.keepsForLateGroups) {
      it('delivers what was published before the first of its group came', async ({ buses }) => {
        const [topic, one] = [await newTopic(), buses.open()];
        await one.publish(numbered(topic, 20, 4));
        const { handled } = await reader(one, topic, randomUUID());
        await until(() => expect(handled).toHaveLength(20));
      });
    }

    if (traits.refusesUnknownTopics) {
      it('says so when nobody has made the topic, and goes on with others', async ({ buses }) => {
        const [[topic, group], one] = [await topicAndGroup(), buses.open()];
        await expect(
          one.publish([{ topic: `nobody-${randomUUID().slice(0, 8)}`, key: 'a', value: '1' }]),
        ).rejects.toThrow();
        const { handled } = await reader(one, topic, group);
        await one.publish([{ topic, key: 'a', value: '2' }]);
        await until(() => expect(valuesOf(handled)).toEqual([2]));
      });

      it('takes messages for other topics meanwhile, and tells the two apart', async ({ buses }) => {
        const [[topic, group], one] = [await topicAndGroup(), buses.open()];
        const nowhere = `nobody-${randomUUID().slice(0, 8)}`;
        const { handled } = await reader(one, topic, group);
        await one.publish([{ topic, key: 'a', value: '0' }]);
        const refused = Array.from({ length: 3 }, () =>
          one.publish([{ topic: nowhere, key: 'a', value: '1' }]).then(
            () => 'published',
            () => 'not published',
          ),
        );
        for (let n = 1; n < 30; n++) await one.publish([{ topic, key: 'a', value: String(n) }]);
        expect(await Promise.all(refused)).toEqual(['not published', 'not published', 'not published']);
        await until(() => expect(valuesOf(handled)).toEqual(Array.from({ length: 30 }, (_, n) => n)));
        const [here, there, again] = await one.destinationsOf(
          [topic, nowhere, topic].map((each) => ({ topic: each, key: 'a', value: '' })),
        );
        expect([here === there, here === again]).toEqual([false, true]);
      });
    }

    const { maxBytes } = traits;
    if (maxBytes === undefined) return;
    it('names a message that it will never take, and goes on with others', async ({ buses }) => {
      const [[topic, group], one] = [await topicAndGroup(), buses.open()];
      const { handled } = await reader(one, topic, group);
      await expect(one.publish([{ topic, key: 'a', value: 'x'.repeat(maxBytes + 1) }])).rejects.toBeInstanceOf(
        Unpublishable,
      );
      await one.publish([{ topic, key: 'a', value: 'x'.repeat(maxBytes * 0.9) }]);
      await until(() =>
        expect(handled.map((delivery) => delivery.value?.length)).toEqual([Math.floor(maxBytes * 0.9)]),
      );
    });
  });
}
