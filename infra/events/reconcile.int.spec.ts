import { randomUUID } from 'node:crypto';
import { Admin } from '@platformatic/kafka';
import { storeTopic } from '@shop/contracts';
import { KafkaBus, StoreEpoch } from '@shop/eventing';
import { Database } from '@shop/platform';
import { describeWith, freshDatabase } from '@shop/testing';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { createTopics } from '../topics.ts';
import { eventsCommand } from './command.ts';

const log = { info: () => {}, warn: () => {}, error: () => {} };
const group = 'notifications.mail';

describeWith('kafka', 'a service whose database was put back to an older state', ({ brokers }) => {
  const bus = new KafkaBus({ brokers: brokers.split(','), clientId: 'spec', log });
  const admin = new Admin({ clientId: 'spec', bootstrapBrokers: brokers.split(','), retries: 5, retryDelay: 200 });
  let urls: Awaited<ReturnType<typeof freshDatabase>>;
  let database: Database;
  let owner: Database;
  const open = () => new StoreEpoch({ bus, database, log, consumers: () => [group], everyMs: 50 });
  const said: string[] = [];
  const run = (...args: string[]) => {
    said.length = 0;
    return eventsCommand(['reconcile', 'notifications', '--after-restore', ...args], {
      shop: () => ({ brokers, databases: { notifications: urls } }) as never,
      say: (line) => said.push(line),
    });
  };
  const places = async () => {
    const [told] = await admin.listConsumerGroupOffsets({ groups: [group] });
    return (
      told?.topics
        .flatMap(({ partitions }) => partitions)
        .reduce((sum, { committedOffset }) => sum + committedOffset, 0n) ?? 0n
    );
  };

  beforeAll(async () => {
    await createTopics(brokers);
    urls = await freshDatabase('notifications');
    [database, owner] = [
      new Database(urls.url, { size: 4, application: 'spec' }),
      new Database(urls.ownerUrl, { size: 1, application: 'spec' }),
    ];
  });
  afterAll(() => Promise.all([bus.close(), admin.close(), database.close(), owner.close()]));

  it('does not start until an operator has put back what can be, and let another epoch begin', async () => {
    const before = open();
    await before.start();
    expect(await run()).toBe(0);
    expect(said.join()).toContain('there is nothing to put back');
    const [backup] = await owner.query<{ mark: string }>('SELECT mark FROM store_mark');
    // Its group has read, and the inbox says so; then an older state is put back.
    const subscription = await bus.subscribe({
      group,
      topics: ['orders.events'],
      maxInFlight: 8,
      handle: async () => {},
    });
    await bus.publish(
      Array.from({ length: 20 }, () => ({ topic: 'orders.events', key: randomUUID(), value: 'not for anybody' })),
    );
    await vi.waitFor(async () => expect(await places()).toBeGreaterThan(0n), { timeout: 20_000, interval: 100 });
    await database.query('INSERT INTO inbox (consumer, message_id) VALUES ($1, $2)', [group, randomUUID()]);
    await vi.waitFor(
      async () =>
        expect(JSON.parse((await bus.newest(storeTopic('notifications'))) ?? '{}')).toMatchObject({
          mark: Number(backup?.mark) + 1,
        }),
      { timeout: 10_000 },
    );
    await subscription.close();
    await before.stop();
    await owner.query(`UPDATE store_mark SET mark = ${backup?.mark}, marked_at = now() - interval '1 hour'`);

    await expect(open().start()).rejects.toThrow('The database of notifications is an older state');
    const read = await places();
    expect(await run()).toBe(0);
    expect(said.join('\n')).toMatch(
      /an older state.*\nwould be put back: .*\nin no message: .*\nNext: the same with --accept/,
    );
    expect(await places()).toBe(read);
    await expect(open().start()).rejects.toThrow('an older state');

    expect(await run('--accept')).toBe(0);
    expect(said.join('\n')).toMatch(/notifications: epoch .* has begun; start its instances/);
    expect(await places()).toBeLessThan(read);
    expect(await owner.query(`SELECT action, consumer FROM operator_actions`)).toEqual([
      { action: 'restore', consumer: 'store' },
    ]);
    const after = open();
    await after.start();
    expect(after.trouble).toBeUndefined();
    await after.stop();
    expect(await run()).toBe(0);
    expect(said.join()).toContain('there is nothing to put back');
  });

  it('is told to the command only on purpose', async () => {
    const of = (...args: string[]) =>
      eventsCommand(['reconcile', ...args], {
        shop: () => ({ brokers, databases: { notifications: urls } }) as never,
        say: () => {},
      });
    await expect(of('notifications')).rejects.toThrow('Of which service, and why?');
    await expect(of('gateway', '--after-restore')).rejects.toThrow('Of which service, and why?');
  });
});
