import { randomBytes } from 'node:crypto';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { context, createContextKey } from '@opentelemetry/api';
import { servers } from '@shop/testing';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { withDeadline } from '../telemetry/deadline.ts';
import { startTracing } from '../telemetry/tracing.ts';
import { inBackground } from './background.ts';
import { Database } from './database.ts';
import { constraintOf } from './pg-errors.ts';

const admin = new pg.Client({ connectionString: servers().postgres.adminUrl });
const url = new URL(servers().postgres.adminUrl);
url.pathname = `/${servers().prefix}platform_${randomBytes(4).toString('hex')}`;
const open = (size = 4) => new Database(url.href, { size, application: 'spec' });
let database: Database;

beforeAll(async () => {
  startTracing();
  await admin.connect();
  await admin.query(`CREATE DATABASE ${url.pathname.slice(1)}`);
  database = open();
  await database.query(
    'CREATE TABLE things (id int CONSTRAINT things_pkey PRIMARY KEY, CONSTRAINT small CHECK (id < 100))',
  );
});
afterEach(() => database.query('DELETE FROM things'));
afterAll(async () => {
  await database.close();
  await admin.end();
});

const ids = async () => (await database.query<{ id: number }>('SELECT id FROM things ORDER BY id')).map(({ id }) => id);
/** Ends every connection of this spec's database but the asking one, as a restart of the server would. */
const cutAll = () =>
  admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [url.pathname.slice(1)]);

describe('a transaction', () => {
  it('is committed with what its work returns', async () => {
    const returned = await database.transaction(
      async (tx) => (await tx.query('INSERT INTO things VALUES ($1), (2) RETURNING id', [1])).length,
    );
    expect([returned, await ids()]).toEqual([2, [1, 2]]);
  });

  it('is undone when its work throws, and the error is the one thrown', async () => {
    const mine = new Error('mine');
    const work = database.transaction(async (tx) => {
      await tx.query('INSERT INTO things VALUES (1)');
      throw mine;
    });
    await expect(work).rejects.toBe(mine);
    expect(await ids()).toEqual([]);
  });

  it('is not called committed when a failed statement was ignored', async () => {
    const work = database.transaction(async (tx) => {
      await tx.query('INSERT INTO things VALUES (1)');
      await tx.query('INSERT INTO things VALUES (1)').catch(() => 'ignored');
    });
    await expect(work).rejects.toThrow('nothing was written');
    expect(await ids()).toEqual([]);
  });

  it('gives its connection back, however it ends', async () => {
    const one = open(1);
    await one.transaction(() => Promise.reject(new Error('x'))).catch(() => undefined);
    await one.transaction((tx) => tx.query('SELECT no_such_column')).catch(() => undefined);
    expect(await one.query('SELECT 1 AS n')).toEqual([{ n: 1 }]);
    await one.close();
  });

  it('whose connection breaks is unavailable, and leaves the pool whole', async () => {
    const work = database.transaction(async (tx) => {
      await cutAll();
      await tx.query('SELECT 1');
    });
    await expect(work).rejects.toMatchObject({ kind: 'unavailable', code: 'database-unavailable' });
    expect(await ids()).toEqual([]);
  });
});

describe('a statement', () => {
  it('with a name is prepared once', async () => {
    const one = open(1);
    for (const n of [1, 2]) expect(await one.query('SELECT $1::int AS n', [n], 'n')).toEqual([{ n }]);
    expect(await one.query('SELECT name FROM pg_prepared_statements')).toEqual([{ name: 'n' }]);
    await one.close();
  });

  it.each([
    ['INSERT INTO things VALUES (1), (1)', 'things_pkey'],
    ['INSERT INTO things VALUES (100)', 'small'],
    ['SELECT 1 / 0', undefined],
  ])('that fails keeps its error: %s broke %s', async (sql, constraint) => {
    const error = await database.query(sql).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(pg.DatabaseError);
    expect(constraintOf(error)).toBe(constraint);
  });

  it('is not begun when nobody waits for it any more', async () => {
    const late = context.with(withDeadline(context.active(), 0), () => database.query('INSERT INTO things VALUES (1)'));
    await expect(late).rejects.toMatchObject({ code: 'deadline-exceeded' });
    expect(await ids()).toEqual([]);
  });

  it('that is refused costs no connection', async () => {
    const one = open(1);
    const backend = () => one.query('SELECT pg_backend_pid() AS pid');
    const before = await backend();
    await one.query('INSERT INTO things VALUES (1), (1)').catch(() => 'refused');
    expect(await backend()).toEqual(before);
    await one.close();
  });

  it('that takes too long is ended by the server', async () => {
    await expect(database.query('SELECT pg_sleep(20)')).rejects.toMatchObject({ kind: 'unavailable' });
  });

  it('survives a restart of the server: idle connections are replaced', async () => {
    await Promise.all([database.query('SELECT 1'), database.query('SELECT 1')]);
    await cutAll();
    await expect.poll(() => database.query('SELECT 1 AS n').catch(() => 'not yet')).toEqual([{ n: 1 }]);
  });
});

describe('a pool', () => {
  it('with all connections in use makes others wait three seconds, not for ever', async () => {
    const one = open(1);
    const busy = one.transaction((tx) => tx.query('SELECT pg_sleep(4)'));
    await expect(one.query('SELECT 1')).rejects.toMatchObject({ kind: 'unavailable' });
    await busy;
    await one.close();
  });

  it('keeps half of its connections for requests, whatever piles up in the background', async () => {
    const own = open(4);
    let ended = 0;
    const piled = Array.from({ length: 6 }, () =>
      inBackground(() => own.query('SELECT pg_sleep(0.5)')).then(() => ended++),
    );
    const transaction = inBackground(() => own.transaction((tx) => tx.query('SELECT pg_sleep(0.5)'))).then(
      () => ended++,
    );
    await expect.poll(() => own.pool.totalCount).toBe(2);
    expect([await own.query('SELECT 1 AS n'), await own.transaction((tx) => tx.query('SELECT 2 AS n')), ended]).toEqual(
      [[{ n: 1 }], [{ n: 2 }], 0],
    );
    await Promise.all([...piled, transaction]);
    expect([ended, own.pool.waitingCount]).toEqual([7, 0]);
    await own.close();
  });

  it('gives background work one turn for all it asks for, in the context it came in', async () => {
    const own = open(2);
    const whose = createContextKey('whose');
    const nested = () =>
      own.transaction(async () => [await own.query('SELECT 1 AS n'), context.active().getValue(whose)]);
    const as = (who: string) => context.with(context.active().setValue(whose, who), () => inBackground(nested));
    expect(await Promise.all([as('mine'), as('yours')])).toEqual([
      [[{ n: 1 }], 'mine'],
      [[{ n: 1 }], 'yours'],
    ]);
    await own.close();
  });
});

describe('a database that is not there', () => {
  it('is said at the start in one sentence, without the password', async () => {
    const nowhere = new Database('postgres://orders:hunter2@127.0.0.1:1/orders', { size: 1, application: 'spec' });
    await expect(nowhere.onModuleInit()).rejects.toThrow(
      'the database orders at 127.0.0.1:1 cannot be used: connect ECONNREFUSED 127.0.0.1:1',
    );
    expect(nowhere.trouble).not.toContain('hunter2');
    await nowhere.close();
  });

  it('makes a service unready while it is gone, and ready again after', async () => {
    const watched = open();
    await watched.onModuleInit();
    expect(watched.trouble).toBeUndefined();
    const name = url.pathname.slice(1);
    await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
    await cutAll();
    await expect.poll(() => watched.trouble, { timeout: 5_000 }).toContain('not currently accepting connections');
    await admin.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
    await expect.poll(() => watched.trouble, { timeout: 5_000 }).toBeUndefined();
    await watched.close();
  });

  it('makes a service unready when it falls silent under load, too: a pool that is busy with waiting is not well', {
    timeout: 30_000,
  }, async () => {
    const network = await silenceable();
    const watched = new Database(network.url, { size: 2, application: 'spec' });
    await watched.onModuleInit();
    let asking = true;
    const load = Array.from({ length: 8 }, async () => {
      while (asking) await watched.query('SELECT pg_sleep(0.01)').catch(() => undefined);
    });
    await expect.poll(() => watched.trouble, { timeout: 3_000 }).toBeUndefined();
    network.fallSilent();
    await expect.poll(() => watched.trouble, { timeout: 20_000 }).toContain('does not answer');
    asking = false;
    network.close();
    await Promise.all(load);
    await watched.close();
  });
});

describe('a server that has become read-only', () => {
  const name = url.pathname.slice(1);
  const demote = () => admin.query(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
  const promote = () => admin.query(`ALTER DATABASE ${name} RESET default_transaction_read_only`);
  const insert = (to: Database, id: number) => to.query('INSERT INTO things VALUES ($1)', [id]);
  const failures = async (all: Promise<unknown>[]) =>
    (await Promise.allSettled(all)).filter(({ status }) => status === 'rejected').length;
  /** Every connection of the pool. */
  const fill = (of: Database) => Promise.all(Array.from({ length: 4 }, () => of.query('SELECT pg_sleep(0.1)')));
  afterEach(promote);

  it('costs nobody a statement once there is one that takes writes: all its pooled connections go at once', async () => {
    await demote();
    const pooled = open();
    await fill(pooled);
    await promote();
    expect(await failures(Array.from({ length: 12 }, (_, id) => insert(pooled, id)))).toBe(0);
    expect(await ids()).toHaveLength(12);
    await pooled.close();
  });

  it('makes a transaction unavailable, one of each connection in use at most', async () => {
    await demote();
    const pooled = open();
    await fill(pooled);
    await promote();
    const insertInside = (id: number) => pooled.transaction((tx) => tx.query('INSERT INTO things VALUES ($1)', [id]));
    await expect(insertInside(1)).rejects.toMatchObject({ kind: 'unavailable' });
    expect(await failures(Array.from({ length: 12 }, (_, id) => insertInside(id)))).toBe(0);
    await pooled.close();
  });

  it('is unavailable to those who write while there is no other, serves those who read, and is told of', async () => {
    await demote();
    const pooled = open();
    await pooled.onModuleInit();
    await fill(pooled);
    for (let time = 0; time < 20; time++)
      await expect(insert(pooled, 1)).rejects.toMatchObject({ kind: 'unavailable', code: 'database-unavailable' });
    expect(await pooled.query('SELECT 1 AS n')).toEqual([{ n: 1 }]);
    expect([pooled.trouble, pooled.shortcoming]).toEqual([
      undefined,
      `the database ${name} at ${url.host} takes no writes`,
    ]);
    await promote();
    // No more often than once a second are connections replaced: there may be no other server.
    await expect
      .poll(
        () =>
          insert(pooled, 1).then(
            () => 'written',
            () => 'refused',
          ),
        { timeout: 10_000 },
      )
      .toBe('written');
    await expect.poll(() => pooled.shortcoming, { timeout: 10_000 }).toBeUndefined();
    await pooled.close();
  });

  it('is passed over where only one that takes writes will do, as is one that is not there', async () => {
    const standby = await fakeStandby();
    const several = new URL(url).href.replace(url.host, `127.0.0.1:1,127.0.0.1:${standby.port},${url.host}`);
    const pooled = new Database(`${several}?target_session_attrs=read-write`, { size: 4, application: 'spec' });
    expect(await failures(Array.from({ length: 8 }, (_, id) => insert(pooled, id)))).toBe(0);
    expect(standby.asked).toBeGreaterThan(0);
    await demote();
    await cutAll();
    await expect(pooled.query('SELECT 1')).rejects.toMatchObject({ kind: 'unavailable' });
    await promote();
    expect(await failures([insert(pooled, 50), insert(pooled, 51)])).toBe(0);
    await pooled.close();
    standby.close();
  });
});

/** Says what a standby says to whoever asks whether it takes writes: no. */
async function fakeStandby() {
  const message = (type: string, ...parts: (Buffer | string)[]) => {
    const body = Buffer.concat(parts.map((part) => Buffer.from(part)));
    const head = Buffer.alloc(5);
    head.write(type);
    head.writeInt32BE(body.length + 4, 1);
    return Buffer.concat([head, body]);
  };
  const ready = message('Z', 'I');
  const number = (value: number, bytes: number) => {
    const buffer = Buffer.alloc(bytes);
    buffer.writeIntBE(value, 0, bytes);
    return buffer;
  };
  const column = message(
    'T',
    number(1, 2),
    'transaction_read_only\0',
    number(0, 4),
    number(0, 2),
    number(25, 4),
    number(-1, 2),
    number(-1, 4),
    number(0, 2),
  );
  const answer = Buffer.concat([column, message('D', number(1, 2), number(2, 4), 'on'), message('C', 'SHOW\0'), ready]);
  let asked = 0;
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      if (data[0] === 'X'.charCodeAt(0)) return void socket.end();
      if (data[0] !== 'Q'.charCodeAt(0)) return void socket.write(Buffer.concat([message('R', number(0, 4)), ready]));
      asked++;
      socket.write(answer);
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    port: (server.address() as AddressInfo).port,
    get asked() {
      return asked;
    },
    close: () => void server.close(),
  };
}

/** The way to the database through a network that can stop carrying anything, without a word. */
async function silenceable() {
  const sockets: Socket[] = [];
  const server = createServer((client) => {
    const inner = connect(Number(url.port), url.hostname.replace(/^\[|\]$/g, ''));
    for (const socket of [client, inner]) sockets.push(socket.on('error', () => undefined));
    client.pipe(inner).pipe(client);
    if (silent) client.unpipe();
  });
  let silent = false;
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const through = new URL(url);
  through.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: through.href,
    fallSilent: () => {
      silent = true;
      for (const socket of sockets) socket.unpipe().pause();
    },
    close: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
