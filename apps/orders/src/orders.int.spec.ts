import { randomUUIDv7 } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PlaceOrder } from '@shop/contracts';
import { DomainError } from '@shop/kernel';
import { EventStore, forgetKeys, PostgresOutbox } from '@shop/eventing';
import { Database, type Flags, HttpProblem, NothingOn } from '@shop/platform';
import { freshDatabase } from '@shop/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { OrderReads } from './order-reads.ts';
import { Orders } from './orders.ts';
import { Prices } from './prices.ts';

const { url, ownerUrl } = await freshDatabase('orders');
const database = new Database(url, { size: 16, application: 'spec' });
const owner = new Database(ownerUrl, { size: 1, application: 'spec' });
const store = new EventStore(database, new PostgresOutbox());
const orders = new Orders(store, new Prices(database), new OrderReads(database), new NothingOn());
/** An instance whose copy of the catalog has nothing in it yet. */
const behind = new Orders(
  store,
  { of: async () => new Map() } as unknown as Prices,
  new OrderReads(database),
  new NothingOn(),
);

const product = randomUUIDv7();
await database.query(
  `INSERT INTO products (id, name, price, currency, active, version) VALUES ($1, 'Mug', 1200, 'EUR', true, 1)`,
  [product],
);
const foreign = randomUUIDv7();
await database.query(
  `INSERT INTO products (id, name, price, currency, active, version) VALUES ($1, 'Tasse', 1200, 'CHF', true, 1)`,
  [foreign],
);
/** What nobody ever sells. */
const mixed: PlaceOrder = {
  lines: [product, foreign].map((productId) => ({ productId, quantity: 1 })),
  paymentToken: 'tok_visa',
};
const one: PlaceOrder = { lines: [{ productId: product, quantity: 1 }], paymentToken: 'tok_visa' };
const customer = () => randomUUIDv7();
const key = () => randomUUIDv7();
const outcome = (answer: Promise<{ view: { id: string } }>) =>
  answer.then(
    ({ view }) => view.id,
    (error: DomainError | HttpProblem) => error.code,
  );
const placed = async () =>
  Number((await database.query<{ count: string }>('SELECT count(DISTINCT stream) FROM events'))[0]?.count);

describe('an order placed under the same key', () => {
  it('by twelve at once is placed once, and all get it', async () => {
    const [who, which, before] = [customer(), key(), await placed()];
    const ids = await Promise.all(Array.from({ length: 12 }, () => outcome(orders.place(who, which, one))));
    expect(new Set(ids).size).toBe(1);
    expect(await placed()).toBe(before + 1);
  });

  it('by twelve at once is refused to all for the same reason', async () => {
    const [who, which] = [customer(), key()];
    const codes = await Promise.all(Array.from({ length: 12 }, () => outcome(orders.place(who, which, mixed))));
    expect(new Set(codes)).toEqual(new Set(['mixed-currencies']));
    await database.query(`UPDATE products SET currency = 'EUR' WHERE id = $1`, [foreign]);
    expect(await outcome(orders.place(who, which, mixed))).toBe('mixed-currencies');
    await database.query(`UPDATE products SET currency = 'CHF' WHERE id = $1`, [foreign]);
  });

  it('is not refused for a day because one copy of the catalog lags: the same key is placed once the product is known', async () => {
    const [who, which] = [customer(), key()];
    expect(await outcome(behind.place(who, which, one))).toBe('unknown-product');
    const { view } = await orders.place(who, which, one);
    expect((await behind.place(who, which, one)).view).toEqual(view);
  });

  it('with another body is refused, and by another customer is another order', async () => {
    const [who, which] = [customer(), key()];
    const { view } = await orders.place(who, which, one);
    await expect(orders.place(who, which, { ...one, paymentToken: 'tok_other' })).rejects.toMatchObject({
      code: 'idempotency-key-reused',
    });
    expect((await orders.place(customer(), which, one)).view.id).not.toBe(view.id);
  });
});

describe('an order that is priced by a flag', () => {
  const asked: string[] = [];
  const discounting: Flags = { isOn: (flag, who) => Promise.resolve(asked.push(`${flag} ${who}`) > 0) };
  const daring = new Orders(store, new Prices(database), new OrderReads(database), discounting);
  const ten: PlaceOrder = { ...one, lines: [{ productId: product, quantity: 10 }] };

  it('asks it once, for its customer, and keeps what came of it, whatever the flag says later', async () => {
    const [who, which] = [customer(), key()];
    const { view } = await daring.place(who, which, ten);
    expect(view).toMatchObject({ total: 11_400, lines: [{ unitPrice: 1140 }] });
    expect(await orders.place(who, which, ten)).toEqual({ view, replayed: true });
    expect(await orders.get(who, view.id)).toEqual(view);
    expect((await orders.history(who, view.id)).events[0]?.data).toMatchObject({
      discount: { rule: 'volume-discount', amount: 600 },
    });
    expect(asked).toEqual([`volume-discount ${who}`]);
  });

  it('does not ask it where nothing hangs on the answer', async () => {
    const before = asked.length;
    await daring.place(customer(), key(), one);
    expect(asked).toHaveLength(before);
  });
});

describe('an order whose first request is not answered yet', () => {
  const releases: (() => Promise<unknown>)[] = [];
  afterEach(() => Promise.all(releases.splice(0).map((release) => release())));

  /** Holds what `sql` locks, as a request does that is still under way. */
  async function held(sql: string, values: unknown[] = []): Promise<() => Promise<unknown>> {
    const client = await owner.pool.connect();
    await client.query('BEGIN');
    await client.query(sql, values);
    let over: Promise<unknown> | undefined;
    const release = () => (over ??= client.query('ROLLBACK').then(() => client.release()));
    releases.push(release);
    return release;
  }
  const underWay = `INSERT INTO idempotency (principal, operation, key, body_hash, status, answer) VALUES ($1, 'place-order', $2, 'h', 201, '{}')`;

  it('waits for it, and gets its turn when it fails', async () => {
    const [who, which] = [customer(), key()];
    const release = await held(underWay, [who, which]);
    const repeated = orders.place(who, which, one);
    await sleep(500);
    await release();
    expect(await repeated).toMatchObject({ replayed: false });
  });

  it.each([
    ['to be placed', one],
    ['to be refused', mixed],
  ])('waits two seconds at most, %s, and is told to come again', async (_, body) => {
    const [who, which, began] = [customer(), key(), performance.now()];
    const release = await held(underWay, [who, which]);
    const refused = await orders.place(who, which, body).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(HttpProblem);
    expect(refused).toMatchObject({ status: 409, code: 'request-in-progress', headers: { 'retry-after': '1' } });
    expect(performance.now() - began).toBeLessThan(3_500);
    await release();
    expect(await outcome(orders.place(who, which, one))).not.toBe('request-in-progress');
  });

  it('is not held against it that the database could not take it', async () => {
    const [who, which] = [customer(), key()];
    const release = await held('LOCK TABLE outbox IN ACCESS EXCLUSIVE MODE');
    await expect(orders.place(who, which, one)).rejects.toThrow();
    await release();
    expect(await orders.place(who, which, one)).toMatchObject({ replayed: false });
  });
});

describe('an order', () => {
  it('is read as it was written, by its customer only', async () => {
    const who = customer();
    const { view } = await orders.place(who, key(), one);
    expect(await orders.get(who, view.id)).toEqual(view);
    await expect(orders.get(customer(), view.id)).rejects.toMatchObject({ code: 'order-not-found' });
  });

  it('is read by whoever serves customers, who is written down before it is shown, and cancelled by its customer only', async () => {
    const [who, support] = [customer(), { subject: customer(), servesCustomers: true }];
    const { view } = await orders.place(who, key(), one);
    expect(await orders.get(support, view.id)).toEqual(view);
    expect((await orders.history(support, view.id)).events).toHaveLength(1);
    await orders.get({ subject: who, servesCustomers: true }, view.id);
    const lines = await new OrderReads(database).latest(10);
    expect(lines.map(({ reader, order, customer, what }) => [reader, order, customer, what])).toEqual(
      ['history', 'order'].map((what) => [support.subject, view.id, who, what]),
    );
    await expect(orders.cancel(support.subject, view.id)).rejects.toMatchObject({ code: 'order-not-found' });
    await expect(database.query('DELETE FROM order_reads')).rejects.toThrow('permission denied');
  });

  it('is cancelled once, however many say so at once', async () => {
    const who = customer();
    const { view } = await orders.place(who, key(), one);
    const views = await Promise.all(Array.from({ length: 12 }, () => orders.cancel(who, view.id)));
    expect(new Set(views.map((each) => `${each.status} ${each.version}`))).toEqual(new Set(['cancelled 2']));
    expect((await orders.history(who, view.id)).events.map((event) => event.type)).toEqual([
      'OrderPlaced',
      'OrderCancelled',
    ]);
  });

  it('is cancelled by one of many who insist on the version they saw', async () => {
    const who = customer();
    const { view } = await orders.place(who, key(), one);
    const results = await Promise.allSettled(
      Array.from({ length: 12 }, () => orders.cancel(who, view.id, [view.version, 99])),
    );
    const refused = results.flatMap((result) =>
      result.status === 'rejected' ? [(result.reason as HttpProblem).status] : [],
    );
    expect(refused).toEqual(Array.from({ length: 11 }, () => 412));
  });

  it('may be placed anew under a key that is a day old', async () => {
    const [who, which] = [customer(), key()];
    const { view } = await orders.place(who, which, one);
    await database.query(`UPDATE idempotency SET created_at = now() - interval '25 hours' WHERE principal = $1`, [who]);
    await forgetKeys(database);
    expect((await orders.place(who, which, one)).view.id).not.toBe(view.id);
  });
});
