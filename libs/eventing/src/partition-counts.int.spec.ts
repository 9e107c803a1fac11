import { Database } from '@shop/platform';
import { freshDatabase } from '@shop/testing';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { agreeOnCount, otherCounts, PartitionCounts, topicsOf } from './partition-counts.ts';

const { url } = await freshDatabase('payments');
const database = new Database(url, { size: 2, application: 'spec' });
const open: PartitionCounts[] = [];
afterAll(() => database.close());
afterEach(async () => {
  for (const one of open.splice(0)) one.stop();
  await database.query('DELETE FROM agreement');
});

/** A bus that knows nothing but how many partitions there are. */
class Broker {
  readonly counts = new Map<string, number>(topicsOf('payments').map((topic) => [topic, 12]));
  away = false;
  async partitionsOf(): Promise<ReadonlyMap<string, number>> {
    if (this.away) throw new Error('away');
    return this.counts;
  }
}

const instance = (bus: Broker) => {
  const metrics = { otherPartitions: vi.fn() };
  const one = new PartitionCounts({
    bus,
    database,
    service: () => 'payments',
    metrics,
    log: { info: () => {}, warn: () => {}, error: () => {} },
    everyMs: 20,
  });
  open.push(one);
  return Object.assign(one, { metrics });
};

describe('partitions of the topics of a service', () => {
  it('are those that it writes to and reads', () =>
    expect(topicsOf('payments')).toEqual(['payments.commands', 'payments.events']));

  it('are as the contract has them until somebody agrees on another number', () => {
    expect(otherCounts(['payments.events'], new Map([['payments.events', 17]]), new Map())).toEqual([
      { topic: 'payments.events', agreed: 12, found: 17 },
    ]);
    expect(
      otherCounts(
        ['payments.events'],
        new Map([['payments.events', 17]]),
        new Map([['partitions at the broker of payments.events', 17]]),
      ),
    ).toEqual([]);
    expect(otherCounts(['payments.events'], new Map(), new Map())).toEqual([]);
  });

  it('keep an instance that starts from working where they are others, until an operator agrees on them', async () => {
    const bus = new Broker();
    bus.counts.set('payments.commands', 17);
    const one = instance(bus);
    let works = false;
    const working = one.start().then(() => (works = true));
    await vi.waitFor(() =>
      expect(one.refusal).toContain('payments.commands has 17 partitions, and this deployment has agreed on 12'),
    );
    expect(one.refusal).toContain('npm run events -- topics partitions payments.commands 17');
    expect(one.metrics.otherPartitions).toHaveBeenLastCalledWith(1);
    expect(works).toBe(false);
    await agreeOnCount(database, 'payments.commands', 17);
    await working;
    expect([one.refusal, one.difference]).toEqual([undefined, undefined]);
  });

  it('raise the alarm in an instance that runs, and do not stop it', async () => {
    const bus = new Broker();
    const one = instance(bus);
    await one.start();
    expect(await database.query('SELECT value FROM agreement ORDER BY term')).toEqual([
      { value: '12' },
      { value: '12' },
    ]);
    bus.counts.set('payments.events', 13);
    await vi.waitFor(() => expect(one.difference).toContain('payments.events has 13 partitions'));
    expect(one.refusal).toBeUndefined();
    expect(one.metrics.otherPartitions).toHaveBeenLastCalledWith(1);
  });

  it('are looked at later where the bus does not answer', async () => {
    const bus = Object.assign(new Broker(), { away: true });
    bus.counts.set('payments.events', 13);
    const one = instance(bus);
    await one.start();
    bus.away = false;
    await vi.waitFor(() => expect(one.difference).toContain('payments.events has 13 partitions'));
  });
});
