import { randomUUIDv7 } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { reserveStock, releaseStock } from '@shop/contracts';
import { Database } from '@shop/platform';
import { freshDatabase } from '@shop/testing';
import fc from 'fast-check';
import pg from 'pg';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Unpublishable, type BusMessage, type MessageBus } from './bus.ts';
import type { MessagingMetrics } from './metrics.ts';
import { event, MAX_PAYLOAD_BYTES, SHARDS } from './outgoing.ts';
import { PostgresOutbox } from './outbox.ts';
import { QueueRelay } from './queue-relay.ts';

const { url, ownerUrl } = await freshDatabase('catalog');
const database = new Database(url, { size: 16, application: 'spec' });
const outbox = new PostgresOutbox();
const log = { info: () => {}, warn: () => {}, error: () => {} };
const keys = Array.from({ length: 5 }, () => randomUUIDv7());

/** A broker that keeps what it is given and may be told to fail. */
class Broker {
  readonly received: BusMessage[] = [];
  refuses: (message: BusMessage) => boolean = () => false;
  down = false;
  answers: () => Promise<unknown> = async () => {};
  readonly bus = {
    publish: async (messages: readonly BusMessage[]) => {
      if (this.down) throw new Error('the broker is away');
      if (messages.some(this.refuses)) throw new Unpublishable('too large');
      this.received.push(...messages);
      await this.answers();
    },
  } as unknown as MessageBus;

  sequence(key: string): number[] {
    return this.received.filter((message) => message.key === key).map((message) => Number((JSON.parse(message.value) as { sequence: string }).sequence));
  }
}

const relays: QueueRelay[] = [];
function relay(broker: Broker, afterPublish?: () => void | Promise<void>, connectionString = url, metrics?: MessagingMetrics): QueueRelay {
  const one = new QueueRelay({ connectionString, bus: broker.bus, log, ...(afterPublish && { afterPublish }), ...(metrics && { metrics }) });
  relays.push(one);
  one.start();
  return one;
}
afterEach(async () => {
  await Promise.all(relays.splice(0).map((one) => one.stop()));
  await database.query('DELETE FROM outbox');
});

const waiting = async () => Number((await database.query<{ count: string }>('SELECT count(*) FROM outbox'))[0]?.count);
const drained = () => vi.waitFor(async () => expect(await waiting()).toBe(0), { timeout: 15_000, interval: 20 });
/** One message of a key's stream, written as a writer would: under the row lock of the key. */
const write = (key: string, sequence: number, pad = '') =>
  database.transaction(async (tx) => {
    await tx.query('SELECT pg_advisory_xact_lock(hashtext($1))', [key]);
    await outbox.add(tx, [event(releaseStock, { key, sequence, data: { orderId: key, pad } as { orderId: string } })]);
  });

/** A way to the database that stands still for good after so many bytes, as if whoever reads at its end had been stopped; and its end. */
async function stoppable(to: string, bytes: number): Promise<[url: string, stop: () => void]> {
  const [{ hostname, port }, sockets] = [new URL(to), new Set<Socket>()];
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    let passed = 0;
    near.pipe(far);
    far.on('data', (data) => {
      passed += data.length;
      if (passed > bytes) far.pause();
      else near.write(data);
    });
    for (const socket of [near, far]) sockets.add(socket.on('error', () => {}));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const through = new URL(to);
  through.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const stop = () => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return [through.href, stop];
}

describe('the relay', () => {
  it('publishes everything, in the order of each key, whatever the interleaving of writers', () =>
    fc.assert(
      fc.asyncProperty(fc.array(fc.nat(keys.length - 1), { minLength: 1, maxLength: 60 }), async (choices) => {
        const broker = new Broker();
        const one = relay(broker);
        const counts = new Map<string, number>();
        // Keys run side by side; within a key the writers queue for its lock, as the row lock of a stream makes them.
        const tails = new Map<string, Promise<void>>();
        for (const choice of choices) {
          const key = keys[choice] as string;
          const sequence = (counts.get(key) ?? 0) + 1;
          counts.set(key, sequence);
          tails.set(key, (tails.get(key) ?? Promise.resolve()).then(() => write(key, sequence)));
        }
        await Promise.all(tails.values());
        one.wake();
        await drained();
        for (const [key, count] of counts) expect(broker.sequence(key)).toEqual(Array.from({ length: count }, (_, n) => n + 1));
        await one.stop();
      }),
      { numRuns: 15 },
    ));

  it('keeps messages while the broker is away, and publishes them when it is back', async () => {
    const broker = new Broker();
    broker.down = true;
    await write(keys[0] as string, 1);
    relay(broker);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(await waiting()).toBe(1);
    broker.down = false;
    await drained();
    expect(broker.sequence(keys[0] as string)).toEqual([1]);
  });

  it('keeps its shards while the broker is slow, so that it does not publish again and again', async () => {
    const broker = new Broker();
    broker.answers = () => sleep(7_000);
    await write(keys[0] as string, 1);
    relay(broker);
    await drained();
    expect(broker.sequence(keys[0] as string)).toEqual([1]);
  });

  it('is alive while the broker is away, and stops though the broker never answers', async () => {
    const broker = new Broker();
    broker.down = true;
    await write(keys[0] as string, 1);
    const one = relay(broker);
    await sleep(1_500);
    expect(one.idleMs()).toBeLessThan(1_000);
    broker.down = false;
    broker.answers = () => new Promise(() => {});
    await sleep(1_500);
    const began = Date.now();
    await one.stop();
    expect(Date.now() - began).toBeLessThan(8_000);
    expect(await waiting()).toBe(1);
  });

  it('repeats a batch, and loses nothing, when it dies between publish and delete', async () => {
    const broker = new Broker();
    await write(keys[0] as string, 1);
    await write(keys[0] as string, 2);
    let dead = false;
    const dying = relay(broker, () => {
      if (dead) return;
      dead = true;
      throw new Error('killed');
    });
    await drained();
    expect(broker.sequence(keys[0] as string)).toEqual([1, 2, 1, 2]);
    await dying.stop();
  });

  it('sets a row aside that the broker will never take, and its shard goes on', async () => {
    const broker = new Broker();
    broker.refuses = (message) => message.value.includes('"sequence":"2"');
    for (const sequence of [1, 2, 3]) await write(keys[0] as string, sequence);
    relay(broker);
    await drained();
    expect(broker.sequence(keys[0] as string)).toEqual([1, 3]);
    const [rejected] = await database.query<{ reason: string; payload: string }>('SELECT reason, payload FROM outbox_rejected');
    expect(rejected?.reason).toContain('too large');
    expect(rejected?.payload).toContain('"sequence":"2"');
  });

  it('takes no more at once than one message may be large, gives every shard its turn, and one always fits', async () => {
    const [broker, batches] = [new Broker(), [] as BusMessage[][]];
    const { publish } = broker.bus;
    (broker.bus as { publish: MessageBus['publish'] }).publish = (messages) => {
      batches.push([...messages]);
      return publish(messages);
    };
    await database.query(
      `INSERT INTO outbox (shard, topic, key, payload)
       SELECT shard, 't', 'k' || shard, CASE n WHEN 1 THEN repeat('x', $1) ELSE repeat('y', 100000) END FROM generate_series(1, 12) AS n, generate_series(0, 3) AS shard`,
      [MAX_PAYLOAD_BYTES],
    );
    relay(broker);
    await drained();
    const sizes = batches.map((batch) => batch.reduce((sum, { value }) => sum + value.length, 0));
    expect(broker.received).toHaveLength(48);
    expect(Math.max(...sizes)).toBe(MAX_PAYLOAD_BYTES);
    // The first of every shard is as large as a batch may be: four batches of one, and no shard twice before each has had one.
    expect(batches.slice(0, 4).map((batch) => batch.length)).toEqual([1, 1, 1, 1]);
    expect(batches.length).toBe(4 + Math.ceil(44 / 9));
  });

  it('tells whoever measures what it published, refused and could not publish, and what waits', async () => {
    const [broker, told] = [new Broker(), [] as [string, unknown][]];
    const names = ['published', 'publishFailed', 'rejected', 'waiting'];
    const metrics = Object.fromEntries(names.map((name) => [name, (what: unknown) => told.push([name, what])])) as unknown as MessagingMetrics;
    const of = (name: string) => told.filter((each) => each[0] === name).map((each) => each[1]);
    broker.down = true;
    broker.refuses = (message) => message.value.includes('"sequence":"2"');
    for (const sequence of [1, 2, 3]) await write(keys[0] as string, sequence);
    relay(broker, undefined, url, metrics);
    await vi.waitFor(() => expect(of('publishFailed').length).toBeGreaterThan(0), { timeout: 5_000 });
    expect(of('waiting')[0]).toMatchObject({ messages: 3, oldestMs: expect.any(Number) });
    broker.down = false;
    await drained();
    expect(of('published')).toMatchObject([{ messages: 2 }]);
    expect(of('rejected')).toEqual([releaseStock.topic]);
  });

  it('shares the shards among instances, and takes over those of one whose connection is lost', async () => {
    const broker = new Broker();
    const [first, second] = [relay(broker), relay(broker)];
    await vi.waitFor(() => expect([first.owned.size, second.owned.size]).toEqual([SHARDS / 2, SHARDS / 2]), { timeout: 10_000 });
    expect(new Set([...first.owned, ...second.owned]).size).toBe(SHARDS);
    await first.stop();
    await vi.waitFor(() => expect(second.owned.size).toBe(SHARDS), { timeout: 10_000 });
  });

  it('loses its shards when it is stopped without dying, even with rows on their way to it', async () => {
    const broker = new Broker();
    const [through, stop] = await stoppable(url, 1_000_000);
    const stopped = relay(broker, undefined, through);
    await vi.waitFor(() => expect(stopped.owned.size).toBe(SHARDS), { timeout: 5_000 });
    await database.query(`INSERT INTO outbox (shard, topic, key, payload) SELECT 0, 't', 'k', repeat('x', 500000) FROM generate_series(1, 40)`);
    const next = relay(broker);
    await vi.waitFor(() => expect(next.owned).toContain(0), { timeout: 12_000 });
    await drained();
    expect(broker.received).toHaveLength(40);
    stop();
  });

  it('comes back when its session is ended from outside', async () => {
    const broker = new Broker();
    const one = relay(broker);
    await vi.waitFor(() => expect(one.owned.size).toBe(SHARDS), { timeout: 5_000 });
    const owner = new pg.Client({ connectionString: url });
    await owner.connect();
    await owner.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'relay' AND datname = current_database()`);
    await owner.end();
    await write(keys[1] as string, 1);
    await drained();
    expect(broker.sequence(keys[1] as string)).toEqual([1]);
  });
});

describe('the outbox', () => {
  it('refuses what could never be published, before anything is written', async () => {
    const lines = Array.from({ length: 16_000 }, () => ({ productId: randomUUIDv7(), quantity: 1 }));
    const large = event(reserveStock, { key: keys[0] as string, data: { orderId: keys[0] as string, lines } });
    await expect(database.transaction((tx) => outbox.add(tx, [large]))).rejects.toMatchObject({ code: 'payload-too-large' });
    expect(await waiting()).toBe(0);
  });

  it('gives ids in the order in which messages were added, so that a batch leaves as it was written', async () => {
    const batch = Array.from({ length: 200 }, (_, n) => event(releaseStock, { key: keys[n % 5] as string, sequence: n + 1, data: { orderId: keys[0] as string } }));
    await database.transaction((tx) => outbox.add(tx, batch));
    const rows = await database.query<{ payload: string }>('SELECT payload FROM outbox ORDER BY id');
    expect(rows.map((row) => Number((JSON.parse(row.payload) as { sequence: string }).sequence))).toEqual(batch.map((_, n) => n + 1));
  });

  it('is read in proportion to what leaves it, however much waits and whatever is known of its size', async () => {
    const [owner, broker, rows] = [new Database(ownerUrl, { size: 1, application: 'spec' }), new Broker(), 20_000];
    type Touched = { deleted: number; touched: number };
    const touched = async () => {
      const [row] = await owner.query<Touched>(
        `SELECT n_tup_del::int AS deleted, (coalesce(idx_tup_fetch, 0) + seq_tup_read)::int AS touched FROM pg_stat_user_tables WHERE relname = 'outbox'`,
      );
      return row as Touched;
    };
    await owner.query(`INSERT INTO outbox (shard, topic, key, payload) SELECT 1, 't', 'k', 'x' FROM generate_series(1, 200)`);
    await owner.query('DELETE FROM outbox');
    await owner.query('ANALYZE outbox');
    await owner.query(`INSERT INTO outbox (shard, topic, key, payload) SELECT 3, 't', 'k', 'x' FROM generate_series(1, $1)`, [rows]);
    await owner.query('SELECT pg_stat_force_next_flush()');
    const before = await touched();
    relay(broker);
    await vi.waitFor(async () => expect((await touched()).deleted).toBe(before.deleted + rows), { timeout: 25_000, interval: 200 });
    expect((await touched()).touched - before.touched).toBeLessThan(10 * rows);
    await owner.close();
  });

  it('is not to be altered by the service itself', async () => {
    expect(ownerUrl).not.toBe(url);
    await expect(database.query('DROP TABLE outbox')).rejects.toThrow(/must be owner/);
  });
});
