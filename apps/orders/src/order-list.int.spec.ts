import { randomUUIDv7 } from 'node:crypto';
import {
  orderCancelled,
  orderPlaced,
  orderStockReserved,
  type CloudEvent,
  type MessageContract,
  type OrderQuery,
} from '@shop/contracts';
import { ConsumerRuntime, event, MemoryBus, PostgresOutbox, seal } from '@shop/eventing';
import { Conditions, Database, keysetPage } from '@shop/platform';
import { freshDatabase } from '@shop/testing';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { OrderListConsumer } from './order-list.consumer.ts';
import { OrderList } from './order-list.ts';

const { url, ownerUrl } = await freshDatabase('orders');
const database = new Database(url, { size: 8, application: 'spec' });
const bus = new MemoryBus();
const log = { info: () => {}, warn: () => {}, error: () => {} };
// Nobody else is here to handle what is published.
const elsewhere = await bus.subscribe({
  group: 'notifications.mail',
  topics: ['orders.events'],
  maxInFlight: 9,
  handle: async () => {},
});
const runtime = new ConsumerRuntime({
  consumer: new OrderListConsumer(),
  bus,
  database,
  outbox: new PostgresOutbox(),
  log,
  attempts: 1,
  unparkEveryMs: 50,
});
await runtime.start();
afterAll(async () => {
  await runtime.stop();
  await elsewhere.close();
  await database.close();
});

const sealed = (contract: MessageContract, orderId: string, sequence: number) => {
  const data = {
    orderId,
    customerId: orderId,
    total: 1200,
    currency: 'EUR',
    reason: 'customer',
    lines: [{ productId: orderId, name: 'Mug', quantity: 1, unitPrice: 1200 }],
  };
  return seal(event(contract, { key: orderId, sequence, data })).payload;
};
const say = (...payloads: string[]) =>
  bus.publish(
    payloads.map((value) => ({ topic: 'orders.events', key: (JSON.parse(value) as CloudEvent).subject, value })),
  );
const row = async (id: string) =>
  (
    await database.query<{ status: string; version: number }>('SELECT status, version FROM order_list WHERE id = $1', [
      id,
    ])
  )[0];

describe('the list of orders', () => {
  it('sees the version of an event of a type it does not know, and goes on with the next', async () => {
    const id = randomUUIDv7();
    const unknown = sealed(orderStockReserved, id, 2).replace(
      'orders.stock-reserved.v1',
      'orders.order-gift-wrapped.v1',
    );
    await say(sealed(orderPlaced, id, 1), unknown);
    expect(await row(id)).toEqual({ status: 'placed', version: 2 });
    await say(sealed(orderCancelled, id, 3));
    expect(await row(id)).toEqual({ status: 'cancelled', version: 3 });
  });

  it('is not changed by an event that comes again, nor by everything from the beginning', async () => {
    const id = randomUUIDv7();
    const all = [sealed(orderPlaced, id, 1), sealed(orderStockReserved, id, 2), sealed(orderCancelled, id, 3)];
    await say(...all);
    await say(...all, ...all);
    expect(await row(id)).toEqual({ status: 'cancelled', version: 3 });
  });

  it('waits for a version that is missing', async () => {
    const id = randomUUIDv7();
    const [placed, reserved, cancelled] = [
      sealed(orderPlaced, id, 1),
      sealed(orderStockReserved, id, 2),
      sealed(orderCancelled, id, 3),
    ];
    await say(placed, cancelled);
    expect(await row(id)).toEqual({ status: 'placed', version: 1 });
    await say(reserved);
    await database.query('UPDATE parked_keys SET next_attempt_at = now()');
    await vi.waitFor(async () => expect(await row(id)).toEqual({ status: 'cancelled', version: 3 }), {
      timeout: 10_000,
      interval: 20,
    });
  });
});

describe('a list of many pages', () => {
  it('reads little more than it shows, on its last page as on its first', async () => {
    const [owner, beside] = [
      new Database(ownerUrl, { size: 1, application: 'spec' }),
      new Database(url, { size: 1, application: 'pages' }),
    ];
    const [customer, list] = [randomUUIDv7(), new OrderList(beside)];
    await owner.query(
      `INSERT INTO order_list SELECT uuidv7(), $1, 'placed', 1200, 'EUR', date_trunc('milliseconds', now()), 1 FROM generate_series(1, 1000)`,
      [customer],
    );
    await owner.query('ANALYZE order_list');
    const read = async () =>
      (
        await owner.query<{ rows: number }>(
          `SELECT (seq_tup_read + idx_tup_fetch)::int AS rows FROM pg_stat_user_tables WHERE relname = 'order_list'`,
        )
      )[0]?.rows ?? 0;
    const before = await read();

    const ids = new Set<string>();
    for (let cursor: string | undefined; ; ) {
      const { items, nextCursor } = await list.page(customer, { limit: 20, sort: '-placedAt', cursor });
      for (const { id } of items) ids.add(id);
      if (nextCursor === undefined) break;
      cursor = nextCursor;
    }
    expect(ids.size).toBe(1000);
    // A connection tells what it has read when it ends.
    await beside.close();
    await vi.waitFor(async () => expect(await read()).toBeGreaterThanOrEqual(before + 1000), {
      timeout: 10_000,
      interval: 20,
    });
    expect(await read()).toBeLessThan(before + 2000);
    await owner.close();
  });
});

describe('what is asked for', () => {
  const [mine, list] = [randomUUIDv7(), new OrderList(database)];
  const day = (n: number) => `2026-01-0${n}T12:00:00.000Z`;
  const rows = [
    { status: 'confirmed', total: 300, placedAt: day(1) },
    { status: 'cancelled', total: 100, placedAt: day(2) },
    { status: 'confirmed', total: 200, placedAt: day(3) },
    { status: 'placed', total: 100, placedAt: day(4) },
  ];
  const shown = async (query: Partial<OrderQuery>) => {
    const totals: string[] = [];
    for (let cursor: string | undefined; ; ) {
      const page = await list.page(mine, { limit: 2, sort: '-placedAt', ...query, cursor });
      totals.push(...page.items.map(({ placedAt, total }) => `${placedAt.slice(9, 10)}: ${total}`));
      cursor = page.nextCursor;
      if (cursor === undefined) return totals;
    }
  };
  beforeAll(async () => {
    for (const { status, total, placedAt } of rows) {
      for (const customer of [mine, randomUUIDv7()]) {
        await database.query(`INSERT INTO order_list VALUES ($1, $2, $3, $4, 'EUR', $5, 1)`, [
          randomUUIDv7(),
          customer,
          status,
          total,
          placedAt,
        ]);
      }
    }
  });

  it.each<[string, Partial<OrderQuery>, string[]]>([
    ['newest first', {}, ['4: 100', '3: 200', '2: 100', '1: 300']],
    ['oldest first', { sort: 'placedAt' }, ['1: 300', '2: 100', '3: 200', '4: 100']],
    ['cheapest first', { sort: 'total' }, ['2: 100', '4: 100', '3: 200', '1: 300']],
    ['dearest first', { sort: '-total' }, ['1: 300', '3: 200', '4: 100', '2: 100']],
    ['of one status', { 'filter[status]': 'confirmed' }, ['3: 200', '1: 300']],
    ['of a time', { 'filter[placedAt][gte]': day(2), 'filter[placedAt][lt]': day(4) }, ['3: 200', '2: 100']],
    ['of a size', { 'filter[total][gte]': 150, 'filter[total][lte]': 250 }, ['3: 200']],
    [
      'since before Postgres can tell',
      { 'filter[placedAt][gte]': '0000-01-01T00:00:00Z', 'filter[status]': 'placed' },
      ['4: 100'],
    ],
  ])('comes %s, page by page', async (_what, query, expected) => expect(await shown(query)).toEqual(expected));

  it('by a cursor of another question is refused', async () => {
    const { nextCursor } = await list.page(mine, { limit: 1, sort: 'total' });
    await expect(list.page(mine, { limit: 1, sort: '-total', cursor: nextCursor })).rejects.toMatchObject({
      status: 400,
      errors: [{ pointer: '/query/cursor' }],
    });
  });

  it.each([
    ['placed_at', day(3), 'order_list_by_time'],
    ['total', 200, 'order_list_by_total'],
  ])('by %s begins where the page begins, in an index of that customer', async (column, key, index) => {
    const owner = new Database(ownerUrl, { size: 1, application: 'spec' });
    await owner.query(
      `INSERT INTO order_list SELECT uuidv7(), gen_random_uuid(), 'placed', n, 'EUR', now(), 1 FROM generate_series(1, 1000) AS n`,
    );
    await owner.query('ANALYZE order_list');
    const where = new Conditions().and('customer = ?', mine);
    const { text, values } = keysetPage({
      select: 'SELECT id FROM order_list',
      where,
      column,
      descending: true,
      after: { key, id: mine },
      limit: 20,
    });
    const plan = JSON.stringify(await owner.query(`EXPLAIN (FORMAT JSON) ${text}`, values));
    expect(plan).toContain(`"Index Name":"${index}"`);
    expect(plan).toMatch(new RegExp(`"Index Cond":"[^"]*ROW\\(${column}, id\\) <`));
    expect(plan).not.toContain('"Sort"');
    await owner.close();
  });
});
