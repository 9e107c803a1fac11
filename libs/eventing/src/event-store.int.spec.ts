import { randomUUIDv7 } from 'node:crypto';
import { orderPlaced, releaseStock, type CloudEvent } from '@shop/contracts';
import { Database, PreconditionFailed } from '@shop/platform';
import { freshDatabase } from '@shop/testing';
import { describe, expect, it } from 'vitest';
import { handleCommand, type Process } from './command-handler.ts';
import { AlreadyHandled, KeyParked } from './claims.ts';
import { KeyUsed, VersionConflict, type Append } from './append.ts';
import { EventStore } from './event-store.ts';
import { event } from './outgoing.ts';
import { PostgresOutbox } from './outbox.ts';

const { url } = await freshDatabase('orders');
const database = new Database(url, { size: 16, application: 'spec' });
const store = new EventStore(database, new PostgresOutbox());

const at = '2026-01-02T03:04:05.000Z';
const append = (stream: string, change: Partial<Append> = {}): Append => ({
  stream,
  expectedVersion: 0,
  events: [{ type: 'Began' }],
  recordedAt: at,
  messages: [event(releaseStock, { key: stream, data: { orderId: stream } })],
  ...change,
});
const count = async (table: string, stream: string) =>
  Number(
    (
      await database.query<{ count: string }>(
        `SELECT count(*) FROM ${table} WHERE ${table === 'outbox' ? 'key' : 'stream::text'} = $1`,
        [stream],
      )
    )[0]?.count,
  );
/** What a stream waits for, and how many seconds ahead it is looked at. */
const awaited = (stream: string) =>
  database.query(
    'SELECT version, awaited, asked, round(extract(epoch FROM look_at - since))::int AS ahead FROM deadlines WHERE stream = $1',
    [stream],
  );
const key = (stream: string) => ({
  principal: stream,
  operation: 'begin',
  key: 'k',
  bodyHash: 'h',
  status: 201,
  answer: { hello: 'world' },
});

describe('an append', () => {
  it('writes events, messages, inbox, answer and deadline together', async () => {
    const stream = randomUUIDv7();
    await store.append(
      append(stream, {
        inbox: { consumer: 'orders.saga', messageId: `m-${stream}` },
        idempotency: key(stream),
        lookInMs: 0,
        awaited: ['begin'],
      }),
    );
    expect(await store.load(stream)).toEqual([{ version: 1, recordedAt: at, event: { type: 'Began' } }]);
    expect(await count('outbox', stream)).toBe(1);
    expect(await store.answerTo(stream, 'begin', 'k')).toEqual({
      bodyHash: 'h',
      status: 201,
      answer: { hello: 'world' },
    });
    expect(await awaited(stream)).toEqual([{ version: 1, awaited: ['begin'], asked: 1, ahead: 0 }]);
    await store.append(append(stream, { expectedVersion: 1 }));
    expect(await awaited(stream)).toEqual([]);
  });

  it('awaits the next step by the clock of the database, however wrong that of the instance is', async () => {
    const [behind, ahead] = [randomUUIDv7(), randomUUIDv7()];
    await store.append(
      append(behind, { recordedAt: new Date(Date.now() - 3_600_000).toISOString(), lookInMs: 60_000 }),
    );
    await store.append(append(ahead, { recordedAt: new Date(Date.now() + 3_600_000).toISOString(), lookInMs: 0 }));
    expect([await awaited(behind), await awaited(ahead)]).toMatchObject([[{ ahead: 60 }], [{ ahead: 0 }]]);
  });

  it('is refused whole when one of its messages could never be published', async () => {
    const stream = randomUUIDv7();
    const lines = [{ productId: stream, name: 'x'.repeat(2_000_000), quantity: 1, unitPrice: 1 }];
    const huge = event(orderPlaced, {
      key: stream,
      sequence: 1,
      data: { orderId: stream, customerId: stream, lines, total: 1, currency: 'EUR' },
    });
    await expect(store.append(append(stream, { messages: [huge] }))).rejects.toMatchObject({
      kind: 'invalid',
      code: 'payload-too-large',
    });
    expect([await store.load(stream), await count('outbox', stream)]).toEqual([[], 0]);
  });

  it('announces an event under the id that it has in its stream, and its messages leave in the order given', async () => {
    const stream = randomUUIDv7();
    const placed = event(orderPlaced, {
      key: stream,
      sequence: 1,
      data: {
        orderId: stream,
        customerId: stream,
        lines: [{ productId: stream, name: 'Mug', quantity: 1, unitPrice: 1 }],
        total: 1,
        currency: 'EUR',
      },
    });
    await store.append(
      append(stream, { messages: [placed, event(releaseStock, { key: stream, data: { orderId: stream } })] }),
    );
    const rows = await database.query<{ payload: string }>('SELECT payload FROM outbox WHERE key = $1 ORDER BY id', [
      stream,
    ]);
    const [first, second] = rows.map((row) => JSON.parse(row.payload) as CloudEvent);
    const [stored] = await database.query<{ id: string }>('SELECT id FROM events WHERE stream = $1', [stream]);
    expect([first?.type, second?.type]).toEqual([orderPlaced.type, releaseStock.type]);
    expect(first).toMatchObject({ id: stored?.id, sequence: '1', subject: stream });
  });

  const refusals: [string, (stream: string) => Promise<Partial<Append>>, new () => Error][] = [
    ['somebody was faster', async (stream) => (await store.append(append(stream)), {}), VersionConflict],
    [
      'the message has been handled',
      async (stream) => {
        const inbox = { consumer: 'orders.saga', messageId: `m-${stream}` } as const;
        await store.acknowledge(inbox);
        return { inbox };
      },
      AlreadyHandled,
    ],
    [
      'the key has been used',
      async (stream) => (await store.remember(key(stream)), { idempotency: key(stream) }),
      KeyUsed,
    ],
    [
      'the key is parked',
      async (stream) => {
        await database.query(
          `INSERT INTO parked_keys (consumer, key, kind, reason, next_attempt_at) VALUES ('orders.saga', $1, 'poison', '', now())`,
          [stream],
        );
        return { inbox: { consumer: 'orders.saga', messageId: `m-${stream}`, unlessParked: stream } };
      },
      KeyParked,
    ],
  ];
  it.each(refusals)('leaves no trace when %s', async (_, prepare, error) => {
    const stream = randomUUIDv7();
    const change = await prepare(stream);
    const [events, messages] = [await count('events', stream), await count('outbox', stream)];
    await expect(store.append(append(stream, { ...change, lookInMs: 0 }))).rejects.toBeInstanceOf(error);
    expect([await count('events', stream), await count('outbox', stream), await count('deadlines', stream)]).toEqual([
      events,
      messages,
      0,
    ]);
  });
});

describe('an event', () => {
  const lifting = new EventStore(database, new PostgresOutbox(), { Began: [(data) => ({ ...data, by: 'somebody' })] });
  const byMe = { type: 'Began', by: 'me' };
  const forms = async (stream: string) =>
    (
      await database.query<{ form: number }>(
        'SELECT schema_version AS form FROM events WHERE stream = $1 ORDER BY version',
        [stream],
      )
    ).map(({ form }) => form);

  it('is written in the form of today, and read in it whatever it was stored in', async () => {
    const stream = randomUUIDv7();
    await store.append(append(stream));
    await lifting.append(append(stream, { expectedVersion: 1, events: [byMe, { type: 'Ended' }] }));
    expect(await forms(stream)).toEqual([1, 2, 1]);
    const read = (await lifting.load(stream)).map((one) => one.event);
    expect(read).toEqual([{ type: 'Began', by: 'somebody' }, byMe, { type: 'Ended' }]);
  });

  it('that a newer version of the service has written is not guessed at, while the two run side by side', async () => {
    const stream = randomUUIDv7();
    await lifting.append(append(stream, { events: [byMe] }));
    await expect(store.load(stream)).rejects.toMatchObject({ kind: 'unavailable', code: 'event-too-new' });
  });

  it('of an instance that knows no forms yet is of the first', async () => {
    const stream = randomUUIDv7();
    await database.query(
      `INSERT INTO events (stream, version, id, type, data, recorded_at) VALUES ($1, 1, gen_random_uuid(), 'Began', '{}', now())`,
      [stream],
    );
    expect(await forms(stream)).toEqual([1]);
  });
});

/** Counts, and says each number: the smallest process there is. */
const counting: Process<number, { type: 'Add'; upTo?: number }, { type: 'Added' }> = {
  decider: {
    initial: 0,
    decide: (state, { upTo }) => (upTo !== undefined && state >= upTo ? [] : [{ type: 'Added' }]),
    evolve: (state) => state + 1,
  },
  announce: (_event, _state, version) => [
    event(releaseStock, { key: STREAM, sequence: version, data: { orderId: STREAM } }),
  ],
  patience: () => undefined,
};
const STREAM = randomUUIDv7();

describe('a command', () => {
  it('is decided anew when somebody was faster: of 12 at once none is lost, and the messages are in version order', async () => {
    await Promise.all(
      Array.from({ length: 12 }, () => retrying(() => handleCommand(store, counting, STREAM, { type: 'Add' }, { at }))),
    );
    expect((await store.load(STREAM)).map((one) => one.version)).toEqual(Array.from({ length: 12 }, (_, n) => n + 1));
    const rows = await database.query<{ payload: string }>('SELECT payload FROM outbox WHERE key = $1 ORDER BY id', [
      STREAM,
    ]);
    expect(rows.map((row) => Number((JSON.parse(row.payload) as CloudEvent).sequence))).toEqual(
      Array.from({ length: 12 }, (_, n) => n + 1),
    );
  });

  it('with If-Match is refused instead, when the version is another', async () => {
    await expect(handleCommand(store, counting, STREAM, { type: 'Add' }, { at, ifVersion: 3 })).rejects.toBeInstanceOf(
      PreconditionFailed,
    );
    const [one, two] = await Promise.allSettled(
      [1, 2].map(() => handleCommand(store, counting, STREAM, { type: 'Add' }, { at, ifVersion: 12 })),
    );
    expect([one?.status, two?.status].toSorted()).toEqual(['fulfilled', 'rejected']);
  });

  it('that changes nothing still notes the message that caused it', async () => {
    const inbox = { consumer: 'orders.saga', messageId: randomUUIDv7() } as const;
    const before = (await store.load(STREAM)).length;
    await handleCommand(store, counting, STREAM, { type: 'Add', upTo: 1 }, { at, inbox });
    expect((await store.load(STREAM)).length).toBe(before);
    await expect(store.acknowledge(inbox)).rejects.toBeInstanceOf(AlreadyHandled);
  });
});

/** A stream that twelve write to at once may use its attempts up; a caller would come again. */
async function retrying<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof VersionConflict) return retrying(work);
    throw error;
  }
}
