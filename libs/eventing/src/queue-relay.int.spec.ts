import { randomUUIDv7 } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { reserveStock, releaseStock } from '@shop/contracts';
import { Database } from '@shop/platform';
import pg from 'pg';
import { describe, expect, vi } from 'vitest';
import { Unmeasured, type MessagingMetrics, type Waiting } from './metrics.ts';
import { event, MAX_PAYLOAD_BYTES, shardOf, SHARDS } from './outgoing.ts';
import { PostgresOutbox } from './outbox.ts';
import { QueueRelay } from './queue-relay.ts';
import { relayContract } from './relay.contract.ts';
import { Broker, onRig, type Rig, type RelayUnderTest } from './relay.fixture.ts';
import type { RelayOptions } from './relay.ts';
import { Settled } from './settled.ts';

const queue: RelayUnderTest = {
  name: 'queue',
  service: 'catalog',
  outbox: new PostgresOutbox(),
  open: (options, { url }, through) => new QueueRelay({ ...options, connectionString: through(url) }),
  owns: (relay) => (relay as QueueRelay).owned.size > 0,
};
relayContract(queue);

const it = onRig(queue);
const waiting = async ({ database }: Rig) =>
  Number((await database.query<{ count: string }>('SELECT count(*) FROM outbox'))[0]?.count);
const drained = (rig: Rig) =>
  vi.waitFor(async () => expect(await waiting(rig)).toBe(0), { timeout: 15_000, interval: 20 });
const relayOf = async (rig: Rig, options?: Partial<RelayOptions>) =>
  (await rig.relay({ measureEveryMs: 200, ...options })) as QueueRelay;

describe.concurrent('the queue relay', () => {
  it('takes no more at once than one message may be large, gives every shard its turn, and one always fits', async ({
    rig,
  }) => {
    const { broker, database } = rig;
    await database.query(
      `INSERT INTO outbox (shard, topic, key, payload)
       SELECT shard, 't', 'k' || shard, CASE n WHEN 1 THEN repeat('x', $1) ELSE repeat('y', 100000) END FROM generate_series(1, 12) AS n, generate_series(0, 3) AS shard`,
      [MAX_PAYLOAD_BYTES],
    );
    await rig.relay();
    await drained(rig);
    const sizes = broker.batches.map((batch) => batch.reduce((sum, { value }) => sum + value.length, 0));
    expect(broker.received).toHaveLength(48);
    expect(Math.max(...sizes)).toBe(MAX_PAYLOAD_BYTES);
    // The first of every shard is as large as a batch may be: four batches of one, and no shard twice before each has
    // had one.
    expect(broker.batches.slice(0, 4).map((batch) => batch.length)).toEqual([1, 1, 1, 1]);
    expect(broker.batches.length).toBe(4 + Math.ceil(44 / 9));
  });

  it('tells whoever measures what it published, refused and could not publish, and what waits', async ({ rig }) => {
    const [{ broker, key, write }, told] = [rig, [] as [string, unknown][]];
    const names = ['published', 'publishFailed', 'rejected', 'waiting', 'unreachable'];
    const metrics = Object.fromEntries(
      names.map((name) => [name, (what: unknown) => told.push([name, what])]),
    ) as unknown as MessagingMetrics;
    const of = (name: string) => told.filter((each) => each[0] === name).map((each) => each[1]);
    broker.down = true;
    broker.refuses = (message) => message.value.includes('"sequence":"2"');
    for (const sequence of [1, 2, 3]) await write(key, sequence);
    await relayOf(rig, { metrics });
    // What waits is told though this relay owns none of it, and so is why.
    await vi.waitFor(
      () => expect([of('unreachable').some((ms) => Number(ms) > 0), of('waiting').length > 1]).toEqual([true, true]),
      { timeout: 5_000 },
    );
    expect(of('waiting')[0]).toMatchObject({ messages: 3, held: 0, oldestMs: expect.any(Number) });
    expect((of('waiting')[0] as { oldestMs: number }).oldestMs).toBeGreaterThan(0);
    broker.proves = async () => {};
    await vi.waitFor(() => expect(of('publishFailed').length).toBeGreaterThan(0), { timeout: 5_000 });
    broker.down = false;
    await drained(rig);
    await vi.waitFor(() => expect(of('published')).toMatchObject([{ messages: 2 }]), { timeout: 15_000 });
    expect(of('rejected')).toEqual([reserveStock.topic]);
  });

  it('tells how old the oldest message of every shard is, also of those that others own and do not publish', async ({
    rig,
  }) => {
    const [silent, well, told] = [rig.broker, new Broker(), [] as { oldestMs: number }[]];
    const first = await relayOf(rig);
    await vi.waitFor(() => expect(first.owned.size).toBe(SHARDS), { timeout: 10_000 });
    const metrics = {
      ...new Unmeasured(),
      waiting: (waiting: Waiting) => void told.push(waiting),
      unreachable: () => {},
    } as unknown as MessagingMetrics;
    const second = await relayOf(rig, { bus: well.bus, metrics });
    await vi.waitFor(() => expect(second.owned.size).toBe(SHARDS / 2), { timeout: 10_000 });
    silent.answers = () => new Promise(() => {});
    const theirs = Array.from({ length: 50 }, () => randomUUIDv7()).find((key) => first.owned.has(shardOf(key))) ?? '';
    await rig.write(theirs, 1);
    await vi.waitFor(() => expect(Math.max(...told.map(({ oldestMs }) => oldestMs))).toBeGreaterThan(1_000), {
      timeout: 20_000,
    });
  });

  it('shares the shards among instances, and takes over those of one whose connection is lost', async ({ rig }) => {
    const [first, second] = [await relayOf(rig), await relayOf(rig)];
    await vi.waitFor(() => expect([first.owned.size, second.owned.size]).toEqual([SHARDS / 2, SHARDS / 2]), {
      timeout: 10_000,
    });
    expect(new Set([...first.owned, ...second.owned]).size).toBe(SHARDS);
    await first.stop();
    await vi.waitFor(() => expect(second.owned.size).toBe(SHARDS), { timeout: 10_000 });
  });
});

describe.concurrent('the outbox', () => {
  it('refuses what could never be published, before anything is written', async ({ rig }) => {
    const { database, key, outbox } = rig;
    const lines = Array.from({ length: 16_000 }, () => ({ productId: randomUUIDv7(), quantity: 1 }));
    const large = event(reserveStock, { key, data: { orderId: key, lines } });
    await expect(database.transaction((tx) => outbox.add(tx, [large]))).rejects.toMatchObject({
      code: 'payload-too-large',
    });
    expect(await waiting(rig)).toBe(0);
  });

  it('gives ids in the order in which messages were added, so that a batch leaves as it was written', async ({
    rig: { database, key, outbox },
  }) => {
    const keys = [key, ...Array.from({ length: 4 }, () => randomUUIDv7())];
    const batch = Array.from({ length: 200 }, (_, n) =>
      event(releaseStock, { key: keys[n % 5] as string, sequence: n + 1, data: { orderId: key } }),
    );
    await database.transaction((tx) => outbox.add(tx, batch));
    const rows = await database.query<{ payload: string }>('SELECT payload FROM outbox ORDER BY id');
    expect(rows.map((row) => Number((JSON.parse(row.payload) as { sequence: string }).sequence))).toEqual(
      batch.map((_, n) => n + 1),
    );
  });

  it('is read in proportion to what leaves it, however much waits and whatever is known of its size', async ({
    rig,
  }) => {
    const [owner, rows] = [new Database(rig.fresh.ownerUrl, { size: 1, application: 'spec' }), 20_000];
    type Touched = { deleted: number; touched: number };
    const touched = async () => {
      const [row] = await owner.query<Touched>(
        `SELECT n_tup_del::int AS deleted, (coalesce(idx_tup_fetch, 0) + seq_tup_read)::int AS touched FROM pg_stat_user_tables WHERE relname = 'outbox'`,
      );
      return row as Touched;
    };
    await owner.query(
      `INSERT INTO outbox (shard, topic, key, payload) SELECT 1, 't', 'k', 'x' FROM generate_series(1, 200)`,
    );
    await owner.query('DELETE FROM outbox');
    await owner.query('ANALYZE outbox');
    await owner.query(
      `INSERT INTO outbox (shard, topic, key, payload) SELECT 3, 't', 'k', 'x' FROM generate_series(1, $1)`,
      [rows],
    );
    await owner.query('SELECT pg_stat_force_next_flush()');
    const before = await touched();
    await rig.relay();
    await vi.waitFor(async () => expect((await touched()).deleted).toBe(before.deleted + rows), {
      timeout: 25_000,
      interval: 200,
    });
    expect((await touched()).touched - before.touched).toBeLessThan(10 * rows);
    await owner.close();
  });

  it('is read from where it is settled, however many deleted rows an old snapshot of somebody else keeps', async ({
    rig,
  }) => {
    const [owner, rows] = [new Database(rig.fresh.ownerUrl, { size: 1, application: 'spec' }), 10_000];
    const touched = async () => {
      const [row] = await owner.query<{ blocks: number }>(
        `SELECT (heap_blks_hit + heap_blks_read + idx_blks_hit + idx_blks_read)::int AS blocks FROM pg_statio_user_tables WHERE relname = 'outbox'`,
      );
      return row?.blocks ?? 0;
    };
    const elsewhere = new pg.Client({ connectionString: rig.fresh.ownerUrl });
    await elsewhere.connect();
    await elsewhere.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
    await owner.query(
      `INSERT INTO outbox (shard, topic, key, payload) SELECT 3, 't', 'k', repeat('x', 1500) FROM generate_series(1, $1)`,
      [rows],
    );
    await rig.relay();
    await drained(rig);
    await owner.query('VACUUM outbox');
    // Some ten polls in two seconds, each of which would wade through the pages of all deleted rows, five to a page.
    await vi.waitFor(
      async () => {
        const before = await touched();
        await sleep(2_000);
        expect((await touched()) - before).toBeLessThan(rows / 2);
      },
      { timeout: 25_000, interval: 10 },
    );
    await elsewhere.end();
    await owner.close();
  });

  it('is not to be altered by the service itself', async ({ rig: { database, fresh } }) => {
    expect(fresh.ownerUrl).not.toBe(fresh.url);
    await expect(database.query('DROP TABLE outbox')).rejects.toThrow(/must be owner/);
  });
});

// By itself: it watches every relay of this process.
describe('what a queue relay knows', () => {
  it('keeps what it knows to be settled while it owns fewer shards than its share', async ({ rig }) => {
    const forgotten = vi.spyOn(Settled.prototype, 'forget');
    const three = [await relayOf(rig), await relayOf(rig), await relayOf(rig)];
    await vi.waitFor(() => expect(three.map(({ owned }) => owned.size).toSorted((a, b) => a - b)).toEqual([4, 6, 6]), {
      timeout: 15_000,
    });
    forgotten.mockClear();
    await sleep(2_500);
    expect(forgotten).not.toHaveBeenCalled();
    forgotten.mockRestore();
  });
});
