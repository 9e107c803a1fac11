import { randomUUIDv7 } from 'node:crypto';
import type { CloudEvent, PlaceOrder } from '@shop/contracts';
import { AwaitedAnswers, EventStore, MemoryBus, PostgresOutbox, type End } from '@shop/eventing';
import { Database, Health, NothingOn, type Logger } from '@shop/platform';
import { freshDatabase } from '@shop/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { Books } from './books.ts';
import { Deadlines } from './deadlines.ts';
import { OrderReads } from './order-reads.ts';
import { Orders } from './orders.ts';
import { Prices } from './prices.ts';
import { SagaConsumer } from './saga.consumer.ts';
import { SagaMetrics } from './saga-metrics.ts';

const { url } = await freshDatabase('orders');
const database = new Database(url, { size: 8, application: 'spec' });
const outbox = new PostgresOutbox();
const store = new EventStore(database, outbox);
const orders = new Orders(store, new Prices(database), new OrderReads(database), new NothingOn());
const answers = new AwaitedAnswers(database);

/** A bus that is away, or whose topics hold more than the saga has read. */
class Bus extends MemoryBus {
  away = false;
  unread = false;
  override async end(): Promise<End> {
    if (this.away) throw new Error('nobody answers');
    return { isReached: async () => !this.unread };
  }
}
let bus: Bus;
let errors: string[];
let warnings: string[] = [];
const log = {
  warn: (_: object, message: string) => warnings.push(message),
  error: (_: object, message: string) => errors.push(message),
} as unknown as Logger;
beforeEach(async () => {
  [bus, errors, warnings] = [new Bus(), [], []];
  await database.query('DELETE FROM deadlines');
  await database.query('UPDATE answers_possible SET until = clock_timestamp()');
});
/** One look of an instance that has just started. */
const look = () =>
  new Deadlines(
    store,
    orders,
    database,
    new AwaitedAnswers(database),
    bus,
    outbox,
    new SagaMetrics(),
    log,
    new Health(),
  ).tick();

const product = randomUUIDv7();
await database.query(
  `INSERT INTO products (id, name, price, currency, active, version) VALUES ($1, 'Mug', 1200, 'EUR', true, 1)`,
  [product],
);
const one: PlaceOrder = { lines: [{ productId: product, quantity: 1 }], paymentToken: 'tok_visa' };
const who = randomUUIDv7();
const inbox = () => ({ consumer: 'orders.saga' as const, messageId: randomUUIDv7() });

/** An order whose commands are on the bus; so far along. */
async function order(status: 'placed' | 'reserved' | 'confirmed' | 'cancelled'): Promise<string> {
  const { view } = await orders.place(who, randomUUIDv7(), one);
  if (status === 'reserved' || status === 'confirmed')
    await orders.note(view.id, { type: 'NoteStockReserved' }, inbox());
  if (status === 'confirmed') await orders.note(view.id, { type: 'NotePaymentAuthorised', paymentId: 'auth' }, inbox());
  if (status === 'cancelled') await orders.cancel(who, view.id);
  await published();
  return view.id;
}
const published = () => database.query('DELETE FROM outbox');
/** So many seconds go by for this order. */
const wait = (id: string, seconds: number) =>
  database.query(
    `UPDATE deadlines SET since = since - $2 * interval '1 second', due_at = due_at - $2 * interval '1 second', look_at = look_at - $2 * interval '1 second' WHERE stream = $1`,
    [id, seconds],
  );
const commands = async (id: string) =>
  (
    await database.query<{ payload: string }>(
      `SELECT payload FROM outbox WHERE key = $1 AND topic LIKE '%.commands' ORDER BY id`,
      [id],
    )
  ).map(({ payload }) => (JSON.parse(payload) as CloudEvent).type.split('.')[1]);
const stateOf = async (id: string) => (({ status, cancellation }) => cancellation ?? status)(await orders.get(who, id));
const awaited = async (id: string) =>
  (await database.query<{ awaited: string[] }>('SELECT awaited FROM deadlines WHERE stream = $1', [id]))[0]?.awaited;

describe('a bus that does not answer', () => {
  it('is told of once, also when the look before failed at something else, and again when it was well in between', async () => {
    const failing = new (class extends AwaitedAnswers {
      fails = false;
      override possible(): Promise<number> {
        return this.fails ? Promise.reject(new Error('deadlock detected')) : super.possible();
      }
    })(database);
    const instance = new (class extends Deadlines {
      protected override readonly lookAtBusEveryMs = 0;
    })(store, orders, database, failing, bus, outbox, new SagaMetrics(), log, new Health());
    const away = 'the bus does not answer: meanwhile no deadline passes';
    const looks = async (what: { away?: boolean; fails?: boolean }) => {
      [bus.away, failing.fails] = [what.away ?? false, what.fails ?? false];
      await instance.tick();
      return warnings.filter((warning) => warning === away).length;
    };
    expect([
      await looks({}),
      await looks({ fails: true }),
      await looks({ away: true }),
      await looks({ away: true }),
    ]).toEqual([0, 0, 1, 1]);
    expect([await looks({}), await looks({ away: true })]).toEqual([1, 2]);
  });
});

describe('a step that is not answered', () => {
  it.each([
    ['placed', ['reserve-stock']],
    ['reserved', ['authorise-payment']],
    ['confirmed', ['commit-stock', 'capture-payment']],
    ['cancelled', ['release-stock', 'void-payment']],
  ] as const)('of a %s order is asked for again, as often as it takes', async (status, steps) => {
    const id = await order(status);
    await look();
    expect(await commands(id)).toEqual([]);
    await wait(id, 31);
    await look();
    expect(await commands(id)).toEqual(steps);
    await published();
    await wait(id, 61);
    await look();
    expect([await commands(id), await stateOf(id)]).toEqual([steps, status === 'cancelled' ? 'customer' : status]);
  });

  it('is told of after a minute and a half', async () => {
    const id = await order('confirmed');
    await wait(id, 31);
    await look();
    expect(errors).toEqual([]);
    await published();
    await wait(id, 61);
    await look();
    expect(errors).toEqual(['steps of orders are not answered, though they were asked for again']);
    expect(await answers.unanswered(60_000)).toEqual(
      expect.arrayContaining([
        { step: 'commit-stock', streams: 1 },
        { step: 'capture-payment', streams: 1 },
      ]),
    );
  });

  it('of the last ones is asked for alone when the other is answered, and nothing is awaited after both', async () => {
    const id = await order('confirmed');
    await heard('catalog.stock-committed.v1', id);
    expect(await awaited(id)).toEqual(['capture-payment']);
    await wait(id, 31);
    await look();
    expect(await commands(id)).toEqual(['capture-payment']);
    await heard('payments.payment-captured.v1', id);
    expect(await awaited(id)).toBeUndefined();
  });
});

describe('an order', () => {
  it('is given up when its next step does not come, whatever is wrong with another', async () => {
    const [id, damaged] = [await order('placed'), randomUUIDv7()];
    await store.append({
      stream: damaged,
      expectedVersion: 0,
      events: [{ type: 'StockReserved' }],
      recordedAt: '2020-01-01T00:00:00Z',
      messages: [],
      lookInMs: 0,
    });
    await wait(id, 121);
    await look();
    expect(await stateOf(id)).toBe('timed-out');
    expect(await awaited(id)).toEqual(['release-stock', 'void-payment']);
  });

  it('is not held up by a hundred before it that can never be given up', async () => {
    const damaged = Array.from({ length: 100 }, () => randomUUIDv7());
    for (const stream of damaged) {
      await store.append({
        stream,
        expectedVersion: 0,
        events: [{ type: 'StockReserved' }],
        recordedAt: '2020-01-01T00:00:00Z',
        messages: [],
        lookInMs: 0,
      });
      await wait(stream, 900);
    }
    const id = await order('placed');
    await wait(id, 121);
    const deadlines = new Deadlines(
      store,
      orders,
      database,
      answers,
      bus,
      outbox,
      new SagaMetrics(),
      log,
      new Health(),
    );
    await deadlines.tick();
    await deadlines.tick();
    expect(await stateOf(id)).toBe('timed-out');
  });

  it('is not given up while its command waits in the outbox, and has its whole time from then on', async () => {
    const { view } = await orders.place(who, randomUUIDv7(), one);
    await wait(view.id, 200);
    await look();
    expect(await stateOf(view.id)).toBe('placed');
    await published();
    await wait(view.id, 60);
    await look();
    expect(await stateOf(view.id)).toBe('placed');
    await published();
    await wait(view.id, 61);
    await look();
    expect(await stateOf(view.id)).toBe('timed-out');
  });

  it('is not given up for the time in which the bus was away', async () => {
    const id = await order('placed');
    await wait(id, 150);
    await database.query(`UPDATE answers_possible SET until = until - interval '150 seconds'`);
    bus.away = true;
    await look();
    expect(await stateOf(id)).toBe('placed');
    bus.away = false;
    await look();
    expect(await stateOf(id)).toBe('placed');
    await wait(id, 121);
    await look();
    expect(await stateOf(id)).toBe('timed-out');
  });

  it('is not judged before the time of an outage has been given back to it, however that fails at first', async () => {
    const id = await order('placed');
    await wait(id, 400);
    await database.query(`UPDATE answers_possible SET until = clock_timestamp() - interval '390 seconds'`);
    const failing = new (class extends AwaitedAnswers {
      failures = 0;
      override possible(): Promise<number> {
        return this.failures++ === 0 ? Promise.reject(new Error('deadlock detected')) : super.possible();
      }
    })(database);
    const instance = new Deadlines(store, orders, database, failing, bus, outbox, new SagaMetrics(), log, new Health());
    for (let looks = 0; looks < 3; looks++) await instance.tick();
    expect([failing.failures, await stateOf(id)]).toEqual([2, 'placed']);
  });

  it('is not given up before everything on the topics is read: its answer may be there', {
    timeout: 30_000,
  }, async () => {
    const id = await order('placed');
    await wait(id, 121);
    bus.unread = true;
    await look();
    expect(await stateOf(id)).toBe('placed');
    bus.unread = false;
    await wait(id, 31);
    await look();
    expect(await stateOf(id)).toBe('timed-out');
  });

  it('of the version before, which wrote down no step, is looked after all the same', async () => {
    const id = await order('placed');
    await database.query(`UPDATE deadlines SET awaited = '{}' WHERE stream = $1`, [id]);
    await wait(id, 31);
    await look();
    expect(await commands(id)).toEqual(['reserve-stock']);
    await published();
    await wait(id, 90);
    await look();
    expect(await stateOf(id)).toBe('timed-out');
  });
});

describe('beside the version before', () => {
  /** As it finds and as it writes them. */
  const itsDue = () =>
    database
      .query<{ stream: string }>(
        'SELECT stream, version FROM deadlines WHERE due_at <= now() ORDER BY due_at LIMIT 100',
      )
      .then((rows) => rows.map(({ stream }) => stream));
  const itWrites = (id: string, version: number, seconds: number) =>
    database.query(
      `INSERT INTO deadlines (stream, version, due_at) VALUES ($1, $2, clock_timestamp() + $3 * interval '1 second')
       ON CONFLICT ON CONSTRAINT deadlines_pkey DO UPDATE SET version = excluded.version, due_at = excluded.due_at`,
      [id, version, seconds],
    );

  it.each([
    ['placed', 120],
    ['reserved', 300],
    ['confirmed', Infinity],
    ['cancelled', Infinity],
  ] as const)(
    'a %s order is given up by it after %d seconds, however often this one looks and asks again',
    async (status, seconds) => {
      const id = await order(status);
      await wait(id, 31);
      await look();
      await published();
      await wait(id, Math.min(seconds, 9_000) - 41);
      expect(await itsDue()).toEqual([]);
      await wait(id, 20);
      expect(await itsDue()).toEqual(seconds === Infinity ? [] : [id]);
    },
  );

  it('an order is not given up by it for the time in which the bus was away, or its command waited', async () => {
    const [away, queued] = [await order('placed'), await order('placed')];
    await database.query(`INSERT INTO outbox (shard, topic, key, payload) VALUES (0, 'catalog.commands', $1, '{}')`, [
      queued,
    ]);
    for (const id of [away, queued]) await wait(id, 150);
    await answers.unpublished([queued]);
    await published();
    await database.query(`UPDATE answers_possible SET until = until - interval '150 seconds'`);
    await answers.possible();
    expect(await itsDue()).toEqual([]);
  });

  it('an order that it placed is asked for again, and has its whole time', async () => {
    const id = await order('placed');
    await database.query('DELETE FROM deadlines WHERE stream = $1', [id]);
    await itWrites(id, 1, 120);
    await wait(id, 31);
    await look();
    expect([await commands(id), await stateOf(id)]).toEqual([['reserve-stock'], 'placed']);
    await published();
    await wait(id, 80);
    await look();
    expect(await stateOf(id)).toBe('placed');
    await published();
    await wait(id, 10);
    await look();
    expect(await stateOf(id)).toBe('timed-out');
  });

  it('an order that it took further has its whole time from then on', async () => {
    const id = await order('placed');
    await wait(id, 110);
    const [before] = await database.query<{ row: object }>(
      'SELECT to_jsonb(deadlines) AS row FROM deadlines WHERE stream = $1',
      [id],
    );
    await orders.note(id, { type: 'NoteStockReserved' }, inbox());
    await published();
    await database.query('DELETE FROM deadlines WHERE stream = $1', [id]);
    await database.query('INSERT INTO deadlines SELECT * FROM jsonb_populate_record(NULL::deadlines, $1)', [
      JSON.stringify(before?.row),
    ]);
    await itWrites(id, 2, 300);
    const [row] = await database.query(
      `SELECT awaited, asked, round(extract(epoch FROM clock_timestamp() - since))::int AS waited, round(extract(epoch FROM look_at - clock_timestamp()))::int AS ahead FROM deadlines WHERE stream = $1`,
      [id],
    );
    expect(row).toEqual({ awaited: [], asked: 1, waited: 0, ahead: 30 });
    await wait(id, 200);
    await look();
    expect(await stateOf(id)).toBe('reserved');
  });
});

describe('what rests in another book is told again: the order', () => {
  it.each([
    ['confirmed', 'catalog.stock-reserved.v1', 'commit-stock'],
    ['confirmed', 'payments.payment-authorised.v1', 'capture-payment'],
    ['cancelled', 'catalog.stock-reserved.v1', 'release-stock'],
    ['cancelled', 'payments.payment-authorised.v1', 'void-payment'],
  ] as const)('%s, by %s, asks for what was lost (%s), once', async (status, type, step) => {
    const id = await order(status);
    await database.query('DELETE FROM deadlines WHERE stream = $1', [id]);
    await heard(type, id);
    await heard(type, id);
    expect([await commands(id), await awaited(id)]).toEqual([[step], [step]]);
    expect(errors).toEqual(['the order has ended, and another book has not heard of it: asked for again']);
  });

  it('asks for nothing while it is under way, or awaits the step anyway, or hears an outcome for the first time', async () => {
    const [reserved, confirmed, late] = [await order('reserved'), await order('confirmed'), await order('cancelled')];
    await database.query('DELETE FROM deadlines WHERE stream = $1', [late]);
    await heard('catalog.stock-reserved.v1', reserved);
    await heard('catalog.stock-reserved.v1', confirmed);
    await heard('catalog.stock-reserved.v1', late, '1');
    expect([await commands(reserved), await commands(confirmed), await commands(late), errors]).toEqual([
      [],
      [],
      [],
      [],
    ]);
  });
});

/** The saga's consumer hears an answer; without a sequence, it is told again. */
async function heard(type: string, orderId: string, sequence?: string): Promise<void> {
  const consumer = new SagaConsumer(
    orders,
    answers,
    new Books(store, answers, outbox, database, new SagaMetrics(), log),
  );
  const handler = consumer.handlers.find(({ contract }) => contract.type === type);
  await handler?.handle(
    { data: { orderId, paymentId: 'auth' }, sequence } as unknown as CloudEvent,
    { inbox: inbox() } as never,
  );
}
