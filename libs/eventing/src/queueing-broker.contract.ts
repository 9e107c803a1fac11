import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { Delivery, MessageBus } from './bus.ts';

/** What every adapter promises of a broker that is away; `bus` points at nobody. */
export function absentBrokerContract(name: string, open: () => MessageBus): void {
  describe.concurrent(`a subscription whose ${name} is away`, () => {
    it('holds nobody up, neither at the start nor at the end, and says for how long nobody has answered', async () => {
      const bus = open();
      const began = Date.now();
      const subscription = await bus.subscribe({
        group: 'any',
        topics: ['any'],
        maxInFlight: 1,
        handle: async () => {},
      });
      expect(Date.now() - began).toBeLessThan(1_000);
      await sleep(1_200);
      expect(subscription.idleMs()).toBeGreaterThanOrEqual(1_000);
      await expect(bus.publish([{ topic: 'any', value: '1' }])).rejects.toThrow('ECONNREFUSED');
      await bus.close();
      expect(Date.now() - began).toBeLessThan(5_000);
    });
  });
}

export interface Browsed {
  open(): MessageBus;
  /** Makes what a group that nobody reads needs. */
  makeGroup(group: string): Promise<void>;
  browse(group: string): Promise<Delivery[]>;
}

/** What is promised where messages wait in queues and not in a log: dead letters can be looked at all the same. */
export function browsingContract({ open, makeGroup, browse }: Browsed): void {
  it.concurrent('shows what waits where nobody reads, again and again, and it stays there', async () => {
    const topic = `contract-${randomUUID().slice(0, 8)}.dead-letters`;
    await makeGroup(topic);
    const bus = open();
    await bus.publish(
      Array.from({ length: 15 }, (_, n) => ({ topic, key: `k${n}`, value: String(n), headers: { why: 'because' } })),
    );
    const looks = [await browse(topic), await browse(topic)];
    for (const look of looks)
      expect(look.map(({ value }) => Number(value)).toSorted((a, b) => a - b)).toEqual(
        Array.from({ length: 15 }, (_, n) => n),
      );
    expect(looks[0]).toContainEqual(
      expect.objectContaining({ topic, key: 'k3', value: '3', headers: expect.objectContaining({ why: 'because' }) }),
    );
    const ids = looks.map((look) => look.map(({ id }) => id).toSorted());
    expect(ids[0]).toEqual(ids[1]);
    await bus.close();
  });
}
