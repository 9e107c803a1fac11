import { randomUUIDv7 } from 'node:crypto';
import { releaseStock } from '@shop/contracts';
import { Database } from '@shop/platform';
import { freshDatabase, servers, type FreshDatabase } from '@shop/testing';
import pg from 'pg';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { EventStore, VersionConflict } from './event-store.ts';
import { leaveInLog, PostgresOutbox } from './outbox.ts';
import { event } from './outgoing.ts';
import { relayContract } from './relay.contract.ts';
import { Broker } from './relay.fixture.ts';
import { WalRelay } from './wal-relay.ts';

const { url, ownerUrl, replicationUrl } = await freshDatabase('catalog');

relayContract({
  name: 'wal',
  url,
  ownerUrl,
  outbox: new PostgresOutbox(() => {}, { leave: leaveInLog }),
  open: (options, through) => new WalRelay({ ...options, connectionString: through(url), replicationUrl: through(replicationUrl) }),
  owns: (relay) => (relay as WalRelay).owns,
});

describe('the slot of the wal relay', () => {
  const admin = new pg.Pool({ connectionString: servers().postgres.adminUrl, max: 1 });
  const relays: WalRelay[] = [];
  const [broker, log] = [new Broker(), { info: () => {}, warn: () => {}, error: vi.fn() }];
  const open = (of: FreshDatabase) => {
    const relay = new WalRelay({ bus: broker.bus, log, connectionString: of.url, replicationUrl: of.replicationUrl });
    relays.push(relay);
    relay.start();
    return relay;
  };
  const slotsOf = async ({ url: to }: FreshDatabase) => {
    const { rows } = await admin.query<{ name: string; at: string }>('SELECT slot_name AS name, confirmed_flush_lsn AS at FROM pg_replication_slots WHERE database = $1', [new URL(to).pathname.slice(1)]);
    return rows;
  };
  /** Takes the slot away though it may be read: what an operator, or a server without space, does. */
  const drop = (of: FreshDatabase) =>
    vi.waitFor(async () => {
      const names = (await slotsOf(of)).map(({ name }) => name);
      await admin.query('SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active AND slot_name = ANY ($1)', [names]);
      await admin.query('SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = ANY ($1)', [names]);
    }, { timeout: 10_000, interval: 20 });
  const leave = async ({ url: to }: FreshDatabase, sequence: number, trouble?: () => string | undefined) => {
    const database = new Database(to, { size: 1, application: 'spec' });
    const outbox = new PostgresOutbox(() => {}, { leave: leaveInLog, ...(trouble && { trouble }) });
    await database.transaction((tx) => outbox.add(tx, [event(releaseStock, { key: to, sequence, data: { orderId: randomUUIDv7() } })])).finally(() => database.close());
  };
  afterEach(async () => {
    await Promise.all(relays.splice(0).map((relay) => relay.stop()));
    log.error.mockClear();
  });
  afterAll(() => admin.end());

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
    await expect(second.ready()).rejects.toThrow(/slot outbox_\w+ is missing; it was last at [0-9A-F/]+\. .*docs\/adr\/0015/);
    await expect(leave(fresh, 1, () => second.trouble)).rejects.toMatchObject({ kind: 'unavailable', code: 'outbox-closed' });
    expect(log.error).toHaveBeenCalledOnce();
    expect(await slotsOf(fresh)).toEqual([]);
  });

  it('is not made again when it goes missing under a running relay, which closes the outbox and publishes nothing more', async () => {
    const fresh = await freshDatabase('catalog');
    const running = [open(fresh), open(fresh)];
    await Promise.all(running.map((relay) => relay.ready()));
    await drop(fresh);
    await vi.waitFor(() => expect(running.map(({ trouble }) => trouble)).toEqual([expect.stringContaining('is missing'), expect.stringContaining('is missing')]), { timeout: 10_000 });
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
    await vi.waitFor(async () => expect((await slotsOf(fresh))[0]?.at).not.toBe(before?.at), { timeout: 15_000, interval: 100 });
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
        messages: [1, 2].map((n) => event(releaseStock, { key: stream, sequence: expectedVersion + n, data: { orderId: stream } })),
      });
    await append(0);
    await expect(append(1)).rejects.toBeInstanceOf(VersionConflict);
    await append(2);
    await vi.waitFor(() => expect(broker.sequence(stream)).toHaveLength(4), { timeout: 10_000 });
    expect(broker.sequence(stream)).toEqual([1, 2, 3, 4]);
    await database.close();
  });
});
