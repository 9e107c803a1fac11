import { randomUUIDv7 } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { releaseStock, reserveStock, voidPayment } from '@shop/contracts';
import type { Transaction } from '@shop/platform';
import { servers } from '@shop/testing';
import fc from 'fast-check';
import pg from 'pg';
import { describe, expect, vi } from 'vitest';
import type { BusMessage } from './bus.ts';
import { MessagingMetrics, Unmeasured, type Waiting } from './metrics.ts';
import { event } from './outgoing.ts';
import { Broker, onRig, wayTo, type RelayUnderTest } from './relay.fixture.ts';
import { BATCH } from './relay.ts';

const log = { info: () => {}, warn: () => {}, error: () => {} };
const to = (count: number) => Array.from({ length: count }, (_, n) => n + 1);

/**
 * What both drivers of the outbox promise. Most of it is waiting, so all of it runs side by side, each test with a
 * database and a broker of its own.
 */
export function relayContract(relayUnderTest: RelayUnderTest): void {
  const [{ name, owns }, it] = [relayUnderTest, onRig(relayUnderTest)];

  describe.concurrent(`${name} as a relay of the outbox`, () => {
    it('publishes everything that was committed, in the order of each key, and nothing that was rolled back', async ({
      rig,
    }) => {
      const { broker, relay, write, arrived } = rig;
      await relay();
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.record({ key: fc.nat(4), rollBack: fc.boolean() }), { minLength: 1, maxLength: 60 }),
          async (changes) => {
            const keys = Array.from({ length: 5 }, () => randomUUIDv7());
            const counts = new Map<string, number>();
            // Keys run side by side; within a key the writers queue for its lock, as the row lock of a stream makes
            // them.
            const tails = new Map<string, Promise<void>>();
            for (const change of changes) {
              const of = keys[change.key] as string;
              const sequence = (counts.get(of) ?? 0) + 1;
              if (!change.rollBack) counts.set(of, sequence);
              tails.set(
                of,
                (tails.get(of) ?? Promise.resolve()).then(() => write(of, sequence, change)),
              );
            }
            await Promise.all(tails.values());
            for (const of of keys) {
              await arrived(of, counts.get(of) ?? 0);
              expect(broker.sequence(of)).toEqual(to(counts.get(of) ?? 0));
            }
          },
        ),
        { numRuns: 15 },
      );
    });

    it('publishes the messages of one transaction in the order in which they were added', async ({ rig }) => {
      const { broker, key, relay, arrived, database, outbox } = rig;
      await relay();
      const batch = to(300).map((sequence) => event(releaseStock, { key, sequence, data: { orderId: key } }));
      await database.transaction((tx) => outbox.add(tx, batch));
      await arrived(key, 300);
      expect(broker.sequence(key)).toEqual(to(300));
    });

    it('publishes what is committed late, however far all others are meanwhile', async ({ rig }) => {
      const { broker, relay, write, arrived, outbox } = rig;
      await relay();
      const [late, others] = [randomUUIDv7(), randomUUIDv7()];
      const writer = await connected(rig.fresh.url);
      await writer.query('BEGIN');
      await outbox.add(asTransaction(writer), [
        event(releaseStock, { key: late, sequence: 1, data: { orderId: late } }),
      ]);
      for (let sequence = 1; sequence <= 40; sequence++) {
        await write(others, sequence);
        await sleep(100); // all in all longer than a relay takes to believe that the past is settled
      }
      await arrived(others, 40);
      expect(broker.sequence(late)).toEqual([]);
      await writer.query('COMMIT');
      await arrived(late, 1);
      await writer.end();
    });

    it('keeps messages while the broker is away, is alive meanwhile, and publishes them when it is back', async ({
      rig,
    }) => {
      const { broker, key, relay, writeAll, arrived } = rig;
      broker.down = true;
      const one = await relay();
      await writeAll(key, 1, 3);
      await sleep(1_500);
      expect(one.idleMs()).toBeLessThan(1_500);
      expect(broker.received).toEqual([]);
      broker.down = false;
      await arrived(key, 3);
      expect(broker.sequence(key)).toEqual([1, 2, 3]);
    });

    it('leaves nothing in doubt when it is stopped in good order', async ({ rig }) => {
      const { broker, key, relay, write, arrived } = rig;
      for (let round = 1; round <= 5; round++) {
        const one = await relay();
        await write(key, round);
        await arrived(key, round);
        await one.stop();
      }
      expect(broker.sequence(key)).toEqual(to(5));
    });

    it('stops though the broker never answers, and whoever is next publishes again', async ({ rig }) => {
      const { broker, key, relay, write, arrived } = rig;
      broker.answers = () => new Promise(() => {});
      const one = await relay();
      await write(key, 1);
      await arrived(key, 1);
      const began = performance.now();
      await one.stop();
      expect(performance.now() - began).toBeLessThan(12_000);
      broker.answers = async () => {};
      await relay();
      await vi.waitFor(() => expect(broker.sequence(key)).toEqual([1, 1]), { timeout: 10_000 });
    });

    it('keeps what it owns while the broker is slow, so that it does not publish again and again', async ({ rig }) => {
      const { broker, key, relay, write, arrived } = rig;
      [broker.answers, broker.proves] = [() => sleep(7_000), () => sleep(600)];
      await relay({ patienceMs: 20_000 });
      await write(key, 1);
      await arrived(key, 1);
      broker.answers = async () => {};
      await write(key, 2);
      await arrived(key, 2);
      expect(broker.sequence(key)).toEqual([1, 2]);
    });

    it('tells how long the oldest message has waited, also while it is stuck', async ({ rig }) => {
      const { key, relay, write, arrived } = rig;
      const [told, metrics] = [[] as Waiting[], new Unmeasured()];
      const measured = new Proxy(metrics, {
        getPrototypeOf: () => MessagingMetrics.prototype,
        get: (of, name: keyof Unmeasured) => (name === 'waiting' ? (waiting: Waiting) => told.push(waiting) : of[name]),
      });
      const stuck = Promise.withResolvers<void>();
      await relay({ metrics: measured, measureEveryMs: 100, afterPublish: () => stuck.promise });
      await write(key, 1);
      await arrived(key, 1);
      await vi
        .waitFor(() => expect(told.at(-1)?.oldestMs).toBeGreaterThan(1_500), { timeout: 15_000 })
        .finally(stuck.resolve);
      await vi.waitFor(() => expect(told.at(-1)).toEqual({ messages: 0, held: 0, oldestMs: 0 }), { timeout: 10_000 });
    });

    it('repeats a batch, and loses nothing, when it dies between the acknowledgement and the note of it', async ({
      rig,
    }) => {
      const { broker, key, relays, relay, write, writeAll, arrived } = rig;
      broker.down = true;
      await relay();
      await writeAll(key, 1, 3);
      let deaths = 0;
      await relays[0]?.stop();
      broker.down = false;
      await relay({
        afterPublish: () => {
          if (deaths++ === 0) throw new Error('killed');
        },
      });
      await arrived(key, 3);
      await vi.waitFor(() => expect(broker.batches.length).toBeGreaterThan(1), { timeout: 15_000 });
      await write(key, 4);
      await arrived(key, 4);
      expect(broker.sequence(key)).toEqual([...to(broker.batches[0]?.length ?? 0), 1, 2, 3, 4]);
    });

    it('sets aside what the broker will never take, once, and the rest flows', async ({ rig }) => {
      const { broker, key, relay, writeAll, arrived, database } = rig;
      broker.refuses = ({ value }) => value.includes('"sequence":"2"');
      await relay();
      await writeAll(key, 1, 5);
      await arrived(key, 4);
      expect(broker.sequence(key)).toEqual([1, 3, 4, 5]);
      // The rest may have been published before it is set aside.
      await vi.waitFor(
        async () => {
          const rejected = await database.query<{ reason: string; topic: string; payload: string }>(
            'SELECT topic, reason, payload FROM outbox_rejected WHERE key = $1',
            [key],
          );
          expect(rejected).toMatchObject([
            {
              topic: reserveStock.topic,
              reason: expect.stringContaining('too large'),
              payload: expect.stringContaining('"sequence":"2"'),
            },
          ]);
        },
        { timeout: 15_000 },
      );
    });

    describe.each([
      ['fails', 'fails'],
      ['says nothing', 'ignores'],
    ] as const)('while one destination %s', (_, ailment) => {
      const ill = ({ topic }: BusMessage) => topic === voidPayment.topic;
      const patient = { patienceMs: 300 };

      it('publishes the rest, holds back the keys behind it and no others, and goes on in their order when it is well', async ({
        rig,
      }) => {
        const { broker, relay, write, writeElsewhere, held, writeAll, arrived } = rig;
        broker[ailment] = ill;
        const [behind, free] = [randomUUIDv7(), randomUUIDv7()];
        await relay(patient);
        await write(behind, 1);
        await arrived(behind, 1);
        await writeElsewhere(behind, 2);
        await vi.waitFor(async () => expect(await held(behind)).toBe(1), { timeout: 15_000 });
        await write(behind, 3);
        await writeAll(free, 1, 40);
        await writeElsewhere(behind, 4);
        await arrived(free, 40);
        await vi.waitFor(async () => expect(await held(behind)).toBe(3), { timeout: 15_000 });
        expect(broker.sequence(free)).toEqual(to(40));
        expect(broker.sequence(behind)).toEqual([1]);
        broker[ailment] = () => false;
        if (ailment === 'ignores') return; // what was never answered is left to whoever is next
        await write(behind, 5);
        await arrived(behind, 5);
        expect(broker.sequence(behind)).toEqual(to(5));
        await vi.waitFor(async () => expect(await held(behind)).toBe(0), { timeout: 15_000 });
        await write(behind, 6);
        await arrived(behind, 6);
        expect(broker.sequence(behind)).toEqual(to(6));
      });

      it('has the next instance hold the same keys, and publish what is held when it is well', async ({ rig }) => {
        const { broker, key, relay, write, writeElsewhere, held, arrived } = rig;
        broker[ailment] = ill;
        const first = await relay(patient);
        await writeElsewhere(key, 1);
        await write(key, 2);
        await vi.waitFor(async () => expect(await held()).toBe(2), { timeout: 15_000 });
        await first.stop();
        await write(key, 3);
        const next = await relay(patient);
        await vi.waitFor(() => expect(owns(next)).toBe(true), { timeout: 15_000 });
        await vi.waitFor(async () => expect(await held()).toBe(3), { timeout: 15_000 });
        expect(broker.sequence(key)).toEqual([]);
        await next.stop();
        broker[ailment] = () => false;
        await relay(patient);
        await arrived(key, 3);
        expect(broker.sequence(key)).toEqual([1, 2, 3]);
      });
    });

    it('holds nothing back when it is the whole broker that is away or silent', async ({ rig }) => {
      const { broker, key, relays, relay, write, held } = rig;
      await relay({ patienceMs: 300 });
      for (const proves of [
        () => Promise.reject(new Error('away')),
        () => sleep(300).then(() => Promise.reject(new Error('silent'))),
      ]) {
        [broker.proves, broker.ignores] = [proves, () => true];
        await write(key, 1);
        await sleep(2_500);
        expect(await held()).toBe(0);
      }
      await Promise.all(relays.splice(0).map((one) => one.stop()));
      [broker.proves, broker.ignores] = [async () => {}, () => false];
      await relay();
      await vi.waitFor(() => expect(broker.sequence(key)).toEqual([1, 1]), { timeout: 15_000 });
    });

    it('sets aside a flood of refusals batch by batch, and says so in one line for each', async ({ rig }) => {
      const { broker, key, relay, database, outbox } = rig;
      const error = vi.fn();
      broker.refuses = ({ topic }) => topic === reserveStock.topic;
      const first = await relay();
      await first.stop();
      const batch = to(1_000).map((sequence) =>
        event(reserveStock, { key, sequence, data: { orderId: key, lines: [{ productId: key, quantity: 1 }] } }),
      );
      await database.transaction((tx) => outbox.add(tx, batch));
      await relay({ log: { ...log, error } });
      const rejected = () =>
        database.query<{ sequence: number }>(
          `SELECT (payload::jsonb ->> 'sequence')::int AS sequence FROM outbox_rejected WHERE key = $1 ORDER BY id`,
          [key],
        );
      await vi.waitFor(async () => expect((await rejected()).map(({ sequence }) => sequence)).toEqual(to(1_000)), {
        timeout: 60_000,
        interval: 200,
      });
      expect(error.mock.calls.length).toBeLessThanOrEqual(Math.ceil(1_000 / BATCH) + 2);
      for (const [fields] of error.mock.calls as [object][]) expect(JSON.stringify(fields).length).toBeLessThan(500);
    });

    it('owns nothing before the broker has answered it, and gives back what it owns when the broker does so no longer', async ({
      rig,
    }) => {
      const { broker, key, relay, writeAll, arrived } = rig;
      const [away, well] = [new Broker(), broker];
      away.proves = () => Promise.reject(new Error('nobody there'));
      const cut = await relay({ bus: away.bus, patienceMs: 300 });
      await sleep(1_500);
      expect(owns(cut)).toBe(false);
      expect(cut.unreachableMs()).toBeGreaterThan(0);
      expect(cut.idleMs()).toBeLessThan(1_500);
      away.proves = async () => {};
      await vi.waitFor(() => expect(owns(cut)).toBe(true), { timeout: 15_000 });
      expect(cut.unreachableMs()).toBe(0);
      // Nobody writes anything: it finds out by itself.
      away.proves = () => Promise.reject(new Error('nobody there'));
      const other = await relay({ bus: well.bus });
      await vi.waitFor(() => expect([owns(cut), owns(other)]).toEqual([false, true]), { timeout: 20_000 });
      await writeAll(key, 1, 20);
      await arrived(key, 20);
      expect(well.sequence(key)).toEqual(to(20));
    });

    it('lets each message be published by one of several instances, also when one of them ends', async ({ rig }) => {
      const { broker, relays, relay, writeAll, arrived } = rig;
      await Promise.all([relay(), relay(), relay()]);
      await vi.waitFor(() => expect(relays.some(owns)).toBe(true), { timeout: 10_000 });
      const keys = Array.from({ length: 8 }, () => randomUUIDv7());
      const writing = Promise.all(keys.map((of) => writeAll(of, 1, 25)));
      await relays.find(owns)?.stop();
      await writing;
      for (const of of keys) {
        await arrived(of, 25);
        expect(broker.sequence(of)).toEqual(to(25));
      }
    });

    it('takes over from one that was stopped without dying, even with messages on their way to it', async ({ rig }) => {
      const { broker, key, ways, relay, write, arrived } = rig;
      const way = await wayTo(rig.fresh.url, 500_000);
      ways.push(way);
      const stopped = await relay({}, way.url);
      await vi.waitFor(() => expect(owns(stopped)).toBe(true), { timeout: 10_000 });
      await write(key, 1);
      await arrived(key, 1);
      for (let sequence = 2; sequence <= 10; sequence++) await write(key, sequence, { lines: 3_000 });
      await way.stands;
      const next = await relay();
      await vi.waitFor(() => expect(owns(next)).toBe(true), { timeout: 20_000 });
      await arrived(key, 10);
      const published = broker.sequence(key).filter((sequence, index, all) => all.indexOf(sequence) === index);
      expect(published).toEqual(to(10));
    });

    it('comes back when its sessions are ended from outside', async ({ rig }) => {
      const { broker, key, relay, writeAll, arrived } = rig;
      const one = await relay();
      await vi.waitFor(() => expect(owns(one)).toBe(true), { timeout: 10_000 });
      const server = await connected(servers().postgres.adminUrl);
      await server.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'relay' AND datname = $1`,
        [new URL(rig.fresh.url).pathname.slice(1)],
      );
      await server.end();
      await writeAll(key, 1, 2);
      await arrived(key, 2);
      expect(broker.sequence(key)).toEqual([1, 2]);
    });

    it('publishes nothing from a server that takes no writes: it could not note that, and would publish it again and again', async ({
      rig,
    }) => {
      const { broker, key, relay, writeAll, arrived, unstarted } = rig;
      const first = await relay();
      await first.stop();
      const [owner, name] = [await connected(rig.fresh.ownerUrl), new URL(rig.fresh.url).pathname.slice(1)];
      await writeAll(key, 1, 2);
      await owner.query(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
      const one = unstarted();
      one.ready().catch(() => {});
      one.start();
      await sleep(1_500);
      expect(broker.sequence(key)).toEqual([]);
      await owner.query(
        `SET default_transaction_read_only = off; ALTER DATABASE ${name} RESET default_transaction_read_only`,
      );
      await owner.end();
      await arrived(key, 2);
      expect(broker.sequence(key)).toEqual([1, 2]);
    });

    it('neither stalls nor reorders behind transactions that others keep open, also when another instance takes over meanwhile', async ({
      rig,
    }) => {
      const { broker, key, relay, writeAll, arrived } = rig;
      const first = await relay();
      const [reader, writer] = [await connected(rig.fresh.ownerUrl), await connected(rig.fresh.ownerUrl)];
      await reader.query('BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');
      await writer.query('BEGIN; SELECT pg_current_xact_id()');
      await writeAll(key, 1, 20);
      await arrived(key, 20);
      await first.stop();
      await relay();
      await writeAll(key, 21, 40);
      await arrived(key, 40);
      expect(broker.sequence(key)).toEqual(to(40));
      for (const each of [reader, writer]) await each.end();
    });
  });
}

async function connected(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  return client;
}

const asTransaction = (client: pg.Client): Transaction => ({
  query: async <T extends object>(text: string, values?: unknown[]) => (await client.query<T>(text, values)).rows,
});
