import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { storeTopic } from '@shop/contracts';
import { Database } from '@shop/platform';
import { freshDatabase, servers } from '@shop/testing';
import pg from 'pg';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { MemoryBus } from './memory/memory-bus.ts';
import { StoreEpoch } from './store-epoch.ts';
import { markOf } from './store-mark.ts';

/** A bus that keeps the marks of stores and nothing else, and may be away. */
class Marks extends MemoryBus {
  readonly published: string[] = [];
  away = false;

  override async publish(messages: readonly { topic: string; value: string }[]): Promise<void> {
    if (this.away) throw new Error('away');
    for (const { topic, value } of messages) if (topic === storeTopic('orders')) this.published.push(value);
  }

  override async newest(): Promise<string | undefined> {
    if (this.away) throw new Error('away');
    return this.published.at(-1);
  }
}

const { url, ownerUrl } = await freshDatabase('orders');
const [database, owner] = [
  new Database(url, { size: 4, application: 'spec' }),
  new Database(ownerUrl, { size: 1, application: 'spec' }),
];
const admin = new pg.Client({ connectionString: servers().postgres.adminUrl });
await admin.connect();
afterAll(() => Promise.all([admin.end(), database.close(), owner.close()]));
const stores: StoreEpoch[] = [];
const log = { info: () => {}, warn: () => {}, error: vi.fn() };
const open = (bus: Marks) => {
  const store = new StoreEpoch({
    bus,
    database,
    log,
    consumers: () => ['orders.saga'],
    everyMs: 20,
    busPatienceMs: 50,
  });
  stores.push(store);
  return store;
};
const work = () =>
  database.query('INSERT INTO inbox (consumer, message_id) VALUES ($1, $2)', ['orders.saga', randomUUID()]);
const last = (bus: Marks) => markOf(bus.published.at(-1) ?? '{}').mark;
/** As a backup has it, and as it is put back. */
const saved = () => owner.query<{ epoch: string; mark: string }>('SELECT epoch, mark FROM store_mark');
const putBack = ([row]: { epoch: string; mark: string }[]) =>
  owner.query('UPDATE store_mark SET epoch = $1, mark = $2', [row?.epoch, row?.mark]);

afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.stop()));
  await owner.query('DELETE FROM store_mark; DELETE FROM store_epochs; DELETE FROM inbox');
});

describe('the mark of a store', () => {
  it('is counted up while something changes, and published after it is committed', async () => {
    const bus = new Marks();
    const store = open(bus);
    await store.start();
    expect(store.trouble).toBeUndefined();
    const before = last(bus);
    await work();
    await vi.waitFor(() => expect(last(bus)).toBeGreaterThan(before));
    await sleep(100);
    const still = last(bus);
    await sleep(200);
    expect(last(bus)).toBe(still);
    expect(Number((await saved())[0]?.mark)).toBe(still);
  });

  it('lets instances start in the middle of the work of others', async () => {
    const bus = new Marks();
    await open(bus).start();
    for (let n = 0; n < 20; n++) {
      await work();
      await sleep(15);
      const another = open(bus);
      await another.start();
      expect(another.trouble).toBeUndefined();
    }
  });
});

describe('a database that was put back to an older state', () => {
  it('is not started on: a sentence says so, with the next step', async () => {
    const bus = new Marks();
    const first = open(bus);
    await first.start();
    const backup = await saved();
    await work();
    await vi.waitFor(() => expect(last(bus)).toBeGreaterThan(Number(backup[0]?.mark)));
    await first.stop();
    await putBack(backup);
    await expect(open(bus).start()).rejects.toThrow(
      /The database of orders is an older state.*Nothing is served.*store-restored/,
    );
  });

  it('is noticed by a process that runs on it, within a look, and nothing is admitted any more', async () => {
    const bus = new Marks();
    const store = open(bus);
    await store.start();
    const backup = await saved();
    await work();
    await vi.waitFor(() => expect(last(bus)).toBeGreaterThan(Number(backup[0]?.mark)));
    const told = new Promise<void>((resolve) => store.onRestored(resolve));
    await putBack(backup);
    await told;
    expect(store.trouble).toContain('an older state');
    await expect(store.admit()).rejects.toThrow('an older state');
    expect(store.isOutlived).toBe(false);
  });

  it('is never used by a new connection, however soon that comes', async () => {
    const bus = new Marks();
    const mine = new Database(url, { size: 2, application: 'spec-put-back' });
    const store = new StoreEpoch({ bus, database: mine, log, consumers: () => ['orders.saga'], everyMs: 20 });
    stores.push(store);
    await store.start();
    const backup = await saved();
    await work();
    await vi.waitFor(() => expect(last(bus)).toBeGreaterThan(Number(backup[0]?.mark)));
    // From here on nobody looks by himself.
    await store.stop();
    await putBack(backup);
    await admin.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'spec-put-back'`,
    );
    for (let n = 0; n < 3; n++)
      await expect(
        mine.query('INSERT INTO inbox (consumer, message_id) VALUES ($1, $2)', ['orders.saga', 'after']),
      ).rejects.toMatchObject({ kind: 'unavailable' });
    expect(store.trouble).toContain('an older state');
    expect(await owner.query(`SELECT 1 FROM inbox WHERE message_id = 'after'`)).toEqual([]);
    await mine.close();
  });

  it('is another one where it was made anew while the bus stayed', async () => {
    const bus = new Marks();
    const first = open(bus);
    await first.start();
    await first.stop();
    await owner.query('DELETE FROM store_mark');
    await expect(open(bus).start()).rejects.toThrow('is not the one that the bus knows');
  });

  it('is gone on from when a person lets another epoch begin; who ran on the old one has to start again', async () => {
    const bus = new Marks();
    const old = open(bus);
    await old.start();
    const backup = await saved();
    await work();
    await vi.waitFor(() => expect(last(bus)).toBeGreaterThan(Number(backup[0]?.mark)));
    await putBack(backup);
    await vi.waitFor(() => expect(old.isRestored).toBe(true));
    const epoch = randomUUID();
    const { epoch: follows, mark } = markOf(bus.published.at(-1) ?? '');
    await owner.query(
      `INSERT INTO store_epochs (epoch, follows_epoch, follows_mark, restored_to) VALUES ('${epoch}', '${follows}', ${mark}, now()); UPDATE store_mark SET epoch = '${epoch}', mark = 0`,
    );
    const next = open(bus);
    await next.start();
    expect(next.trouble).toBeUndefined();
    await vi.waitFor(() => expect(markOf(bus.published.at(-1) ?? '').epoch).toBe(epoch));
    await vi.waitFor(() => expect(old.isOutlived).toBe(true));
  });
});

describe('a bus that does not answer', () => {
  it('keeps an instance closed until it does', async () => {
    const bus = Object.assign(new Marks(), { away: true });
    const store = open(bus);
    await store.start();
    expect(store.trouble).toContain('cannot be compared with the bus');
    bus.away = false;
    await store.opened;
    expect(store.trouble).toBeUndefined();
  });

  it('keeps none closed while another that has compared is alive beside it', async () => {
    const bus = new Marks();
    await open(bus).start();
    await work();
    await vi.waitFor(() => expect(last(bus)).toBeGreaterThan(0));
    bus.away = true;
    const store = open(bus);
    await store.start();
    expect(store.trouble).toBeUndefined();
  });

  it('that was lost begins anew with what the database says', async () => {
    const first = open(new Marks());
    await first.start();
    await work();
    await first.stop();
    const bus = new Marks();
    await open(bus).start();
    await vi.waitFor(() => expect(bus.published.length).toBeGreaterThan(0));
  });
});
