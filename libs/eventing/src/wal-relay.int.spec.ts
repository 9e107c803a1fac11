import { randomUUIDv7 } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { releaseStock } from '@shop/contracts';
import { Database } from '@shop/platform';
import { freshDatabase, servers, type FreshDatabase } from '@shop/testing';
import pg from 'pg';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { VersionConflict } from './append.ts';
import { EventStore } from './event-store.ts';
import { leaveInLog, PostgresOutbox } from './outbox.ts';
import { outboxStatus, summary } from './operations/outbox-status.ts';
import { event } from './outgoing.ts';
import { relayContract } from './relay.contract.ts';
import { Broker, onRig, type RelayUnderTest } from './relay.fixture.ts';
import { SILENT_MS } from './relay.ts';
import { WalRelay, type WalRelayOptions } from './wal-relay.ts';

const wal: RelayUnderTest = {
  name: 'wal',
  service: 'catalog',
  outbox: new PostgresOutbox(() => {}, { leave: leaveInLog }),
  open: (options, { url, replicationUrl }, through) =>
    new WalRelay({ ...options, connectionString: through(url), replicationUrl: through(replicationUrl) }),
  owns: (relay) => (relay as WalRelay).owns,
};
relayContract(wal);

const admin = new pg.Pool({ connectionString: servers().postgres.adminUrl, max: 1 });
afterAll(() => admin.end());
const slotsOf = async ({ url: to }: FreshDatabase) => {
  const { rows } = await admin.query<{ name: string; at: string; active: boolean }>(
    'SELECT slot_name AS name, confirmed_flush_lsn AS at, active FROM pg_replication_slots WHERE database = $1',
    [new URL(to).pathname.slice(1)],
  );
  return rows;
};

describe.concurrent('a wal relay whose broker takes its time', () => {
  onRig(wal)(
    'keeps its slot, also when so much waits that nothing more is read: it goes on saying that it lives',
    async ({ rig }) => {
      const [{ broker, key, database }, relay] = [rig, (await rig.relay({ patienceMs: 60_000 })) as WalRelay];
      await vi.waitFor(() => expect(relay.owns).toBe(true), { timeout: 10_000 });
      const [taken, answer] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      broker.answers = () => (taken.resolve(), answer.promise);
      const payload = 'x'.repeat(900_000);
      for (let n = 1; n <= 10; n++)
        await database.query(
          `SELECT pg_logical_emit_message(true, 'outbox', json_build_array('t', $1::text)::text || E'\n' || $2::text)`,
          [key, JSON.stringify({ sequence: String(n), payload })],
        );
      await taken.promise;
      await sleep(SILENT_MS + 2_000);
      expect(relay.owns).toBe(true);
      expect(await slotsOf(rig.fresh)).toEqual([expect.objectContaining({ active: true })]);
      broker.answers = async () => {};
      answer.resolve();
      await vi.waitFor(() => expect(broker.sequence(key)).toHaveLength(10), { timeout: 20_000 });
      expect(broker.sequence(key)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    },
    60_000,
  );
});

describe('the slot of the wal relay', () => {
  const relays: WalRelay[] = [];
  const [broker, log] = [new Broker(), { info: () => {}, warn: () => {}, error: vi.fn() }];
  const open = (of: FreshDatabase, options: Partial<WalRelayOptions> = {}) => {
    const relay = new WalRelay({
      bus: broker.bus,
      log,
      connectionString: of.url,
      replicationUrl: of.replicationUrl,
      ...options,
    });
    relays.push(relay);
    relay.start();
    return relay;
  };
  /** Takes the slot away though it may be read: what an operator, or a server without space, does. */
  const drop = (of: FreshDatabase) =>
    vi.waitFor(
      async () => {
        const names = (await slotsOf(of)).map(({ name }) => name);
        await admin.query(
          'SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active AND slot_name = ANY ($1)',
          [names],
        );
        await admin.query(
          'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = ANY ($1)',
          [names],
        );
      },
      { timeout: 10_000, interval: 20 },
    );
  const leave = async ({ url: to }: FreshDatabase, sequence: number, trouble?: () => string | undefined) => {
    const database = new Database(to, { size: 1, application: 'spec' });
    const outbox = new PostgresOutbox(() => {}, { leave: leaveInLog, ...(trouble && { trouble }) });
    await database
      .transaction((tx) =>
        outbox.add(tx, [event(releaseStock, { key: to, sequence, data: { orderId: randomUUIDv7() } })]),
      )
      .finally(() => database.close());
  };
  afterEach(async () => {
    await Promise.all(relays.splice(0).map((relay) => relay.stop()));
    log.error.mockClear();
  });

  it('is made by the first start, once, however many instances start', async () => {
    const fresh = await freshDatabase('catalog');
    await Promise.all([open(fresh), open(fresh), open(fresh)].map((relay) => relay.ready()));
    expect(await slotsOf(fresh)).toHaveLength(1);
    await leave(fresh, 1);
    await vi.waitFor(() => expect(broker.sequence(fresh.url)).toEqual([1]), { timeout: 10_000 });
  });

  it('is not made again when it is missing: a relay does not start, and says why', async () => {
    const fresh = await freshDatabase('catalog');
    const first = open(fresh);
    await first.ready();
    await first.stop();
    await drop(fresh);
    const second = open(fresh);
    await expect(second.ready()).rejects.toThrow(
      /slot outbox_\w+ is missing; it was last at [0-9A-F/]+\. .*docs\/adr\/0015/,
    );
    await expect(leave(fresh, 1, () => second.trouble)).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'outbox-closed',
    });
    expect(log.error).toHaveBeenCalledOnce();
    expect(await slotsOf(fresh)).toEqual([]);
  });

  it('is not made again when it goes missing under a running relay, which closes the outbox and publishes nothing more', async () => {
    const fresh = await freshDatabase('catalog');
    const running = [open(fresh), open(fresh)];
    await Promise.all(running.map((relay) => relay.ready()));
    await drop(fresh);
    await vi.waitFor(
      () =>
        expect(running.map(({ trouble }) => trouble)).toEqual([
          expect.stringContaining('is missing'),
          expect.stringContaining('is missing'),
        ]),
      { timeout: 10_000 },
    );
    expect(await slotsOf(fresh)).toEqual([]);
  });

  it('is refused when somebody else has made it again, and with it left messages out', async () => {
    const fresh = await freshDatabase('catalog');
    const first = open(fresh);
    await first.ready();
    await first.stop();
    const [slot] = await slotsOf(fresh);
    await drop(fresh);
    await leave(fresh, 1);
    const asOperator = new pg.Client({ connectionString: fresh.replicationUrl });
    await asOperator.connect();
    await asOperator.query(`SELECT pg_create_logical_replication_slot($1, 'pgoutput')`, [slot?.name]);
    await asOperator.end();
    await expect(open(fresh).ready()).rejects.toThrow(/but was left at .*: somebody has moved it or made it again/);
    expect(broker.sequence(fresh.url)).toEqual([]);
  });

  it('waits for the table to be empty, so that a change of driver leaves nothing behind', async () => {
    const fresh = await freshDatabase('catalog');
    const database = new Database(fresh.url, { size: 1, application: 'spec' });
    await database.query(`INSERT INTO outbox (shard, topic, key, payload) VALUES (0, 't', 'k', 'x')`);
    await expect(open(fresh).ready()).rejects.toThrow(/still wait in the table/);
    await database.close();
  });

  it('follows the log where that holds nothing for us, so that the disk does not fill', async () => {
    const fresh = await freshDatabase('catalog');
    await open(fresh).ready();
    const [before] = await slotsOf(fresh);
    await admin.query(`SELECT pg_logical_emit_message(false, 'others', repeat('x', 3000000)); CHECKPOINT`);
    await vi.waitFor(async () => expect((await slotsOf(fresh))[0]?.at).not.toBe(before?.at), {
      timeout: 15_000,
      interval: 100,
    });
  });

  it('is seen to stand still by those who wait for it, and by an operator', async () => {
    const fresh = await freshDatabase('catalog');
    const database = new Database(fresh.url, { size: 1, application: 'spec' });
    const reader = open(fresh);
    await vi.waitFor(() => expect(reader.owns).toBe(true), { timeout: 10_000 });
    expect(summary(await outboxStatus(database))).toMatch(
      /^the log is the outbox: slot outbox_\w+, read by a relay, \d+\.\d MiB behind, \d+\.\d MiB kept on disk; 0 rejected$/,
    );
    const [before, answer] = [broker.answers, Promise.withResolvers<void>()];
    broker.answers = () => answer.promise;
    await leave(fresh, 1);
    await admin.query(`SELECT pg_logical_emit_message(false, 'others', repeat('x', 8000000))`);
    await open(fresh, { standsStillAfterMs: 500 }).ready();
    await vi.waitFor(
      () =>
        expect(log.error).toHaveBeenCalledWith(
          expect.objectContaining({ behindBytes: expect.any(Number) }),
          expect.stringContaining('stands still'),
        ),
      { timeout: 20_000 },
    );
    expect((await outboxStatus(database)).slot).toMatchObject({ exists: true, active: true });
    broker.answers = before;
    answer.resolve();
    await Promise.all(relays.splice(0).map((relay) => relay.stop()));
    await drop(fresh);
    expect(summary(await outboxStatus(database))).toMatch(
      /^the slot outbox_\w+ is MISSING, it was last at [0-9A-F/]+: see docs\/adr\/0015; 0 rejected$/,
    );
    await database.close();
  });

  it('carries what the event store appends, and nothing of an append that was refused', async () => {
    const fresh = await freshDatabase('orders');
    await open(fresh).ready();
    const [database, stream] = [new Database(fresh.url, { size: 2, application: 'spec' }), randomUUIDv7()];
    const store = new EventStore(database, new PostgresOutbox(() => {}, { leave: leaveInLog }));
    const append = (expectedVersion: number) =>
      store.append({
        stream,
        expectedVersion,
        events: [{ type: 'Released' }, { type: 'Released' }],
        recordedAt: new Date().toISOString(),
        messages: [1, 2].map((n) =>
          event(releaseStock, { key: stream, sequence: expectedVersion + n, data: { orderId: stream } }),
        ),
      });
    await append(0);
    await expect(append(1)).rejects.toBeInstanceOf(VersionConflict);
    await append(2);
    await vi.waitFor(() => expect(broker.sequence(stream)).toHaveLength(4), { timeout: 10_000 });
    expect(broker.sequence(stream)).toEqual([1, 2, 3, 4]);
    await database.close();
  });
});
