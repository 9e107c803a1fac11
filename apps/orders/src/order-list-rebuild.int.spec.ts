import { spawn } from 'node:child_process';
import { randomUUIDv7 } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConsumerRuntime, EventStore, MemoryBus, PostgresOutbox, QueueRelay } from '@shop/eventing';
import { Database, NothingOn } from '@shop/platform';
import { freshDatabase } from '@shop/testing';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { orderUpcasters } from './domain/upcasters.ts';
import { OrderListConsumer } from './order-list.consumer.ts';
import { OrderListRebuild } from './order-list-rebuild.ts';
import { OrderList } from './order-list.ts';
import { OrderReads } from './order-reads.ts';
import { Orders } from './orders.ts';
import { Prices } from './prices.ts';

const { url } = await freshDatabase('orders');
const database = new Database(url, { size: 16, application: 'spec' });
const bus = new MemoryBus();
const log = { info: () => {}, warn: () => {}, error: () => {} };
const relay = new QueueRelay({ connectionString: url, bus, log });
const outbox = new PostgresOutbox(() => relay.wake());
const store = new EventStore(database, outbox, orderUpcasters);
const [orders, list] = [
  new Orders(store, new Prices(database), new OrderReads(database), new NothingOn()),
  new OrderList(database),
];
/** As an operator's command has it: beside the service, on connections of its own. */
const beside = new Database(url, { size: 2, application: 'operator' });
const rebuild = new OrderListRebuild(beside, new EventStore(beside, new PostgresOutbox(), orderUpcasters));
const runtime = new ConsumerRuntime({ consumer: new OrderListConsumer(), bus, database, outbox, log });

const product = randomUUIDv7();
/** Somebody who looks at her orders all the time. */
const reader = randomUUIDv7();
const PAGE = 100;
const place = async (customer = randomUUIDv7()) => {
  const { view } = await orders.place(customer, randomUUIDv7(), {
    lines: [{ productId: product, quantity: 1 }],
    paymentToken: 'tok_visa',
  });
  return { customer, id: view.id };
};
const count = async (where: string) =>
  (await database.query<{ n: number }>(`SELECT count(*)::int AS n FROM ${where}`))[0]?.n ?? 0;
const followed = () =>
  vi.waitFor(
    async () =>
      expect(await count('order_list l JOIN events e ON e.stream = l.id AND e.version <= l.version')).toBe(
        await count('events'),
      ),
    { timeout: 30_000, interval: 50 },
  );

beforeAll(async () => {
  await database.query(
    `INSERT INTO products (id, name, price, currency, active, version) VALUES ($1, 'Mug', 1200, 'EUR', true, 1)`,
    [product],
  );
  for (const [group, topic] of [
    ['notifications.mail', 'orders.events'],
    ['catalog.stock', 'catalog.commands'],
    ['payments.commands', 'payments.commands'],
  ] as const) {
    await bus.subscribe({ group, topics: [topic], maxInFlight: 64, handle: async () => {} });
  }
  await runtime.start();
  relay.start();
  for (let n = 0; n < 2 * PAGE; n += 20) await Promise.all(Array.from({ length: 20 }, () => place(reader)));
  await followed();
});
afterAll(async () => {
  await runtime.stop();
  await relay.stop();
  await Promise.all([database.close(), beside.close()]);
});

/**
 * Places sixty orders a second, whether or not the last ones are done, and cancels every other one a moment later,
 * until stopped.
 */
function flow() {
  const under: Promise<unknown>[] = [];
  const began = performance.now();
  const one = async (even: boolean) => {
    const { customer, id } = await place();
    if (even) await orders.cancel(customer, id);
  };
  onTestFinished(() => clearInterval(clock));
  const clock = setInterval(() => {
    while (under.length < ((performance.now() - began) / 1_000) * 60) under.push(one(under.length % 2 === 0));
  }, 10);
  return {
    placed: () => under.length,
    stop: async () => {
      clearInterval(clock);
      await Promise.all(under);
    },
  };
}

/** Looks at the reader's first page until `work` is done; returns the lengths that it had. */
async function lengthsDuring(work: Promise<unknown>): Promise<Set<number>> {
  const lengths = new Set<number>();
  let over = false;
  const done = work.finally(() => (over = true));
  while (!over) lengths.add((await list.page(reader, { limit: PAGE, sort: '-placedAt' })).items.length);
  await done;
  return lengths;
}

/** Loses one of the reader's older rows, and damages others in every way there is. */
async function damage(): Promise<{ lost: string | undefined; damaged: number }> {
  const [a, b, c, d] = await database.query<{ id: string }>(
    'SELECT id FROM order_list WHERE customer = $1 ORDER BY id LIMIT 4',
    [reader],
  );
  await database.query(`UPDATE order_list SET status = 'confirmed' WHERE id = $1`, [a?.id]);
  await database.query('UPDATE order_list SET total = total + 1 WHERE id = $1', [b?.id]);
  await database.query('UPDATE order_list SET version = 99 WHERE id = $1', [c?.id]);
  await database.query('DELETE FROM order_list WHERE id = $1', [d?.id]);
  await database.query(
    `INSERT INTO order_list (id, customer, status, total, currency, placed_at, version) VALUES ($1, $1, 'placed', 1, 'EUR', now(), 1)`,
    [randomUUIDv7()],
  );
  return { lost: d?.id, damaged: 4 };
}

describe('the list of orders, made anew while orders flow', () => {
  it('is what the events make it, and nobody sees less of it meanwhile', async () => {
    const writer = flow();
    const { lost, damaged } = await damage();
    const before = await rebuild.compare({ patience: 2_000 });
    expect(before.projection).not.toBe(before.folded);
    expect(before.wrong).toBeGreaterThanOrEqual(damaged);
    expect(before.differences.map(({ what }) => what)).toEqual(
      expect.arrayContaining([
        'status is confirmed, not placed',
        'total is 1201, not 1200',
        'version is 99, not 1',
        'is missing',
        'there is no such order',
      ]),
    );

    const mending = rebuild.mend();
    expect(await lengthsDuring(mending)).toEqual(new Set([PAGE]));
    expect((await mending).wrong).toBe(damaged);
    expect(await count(`order_list WHERE id = '${lost}'`)).toBe(1);

    // Again and again, while more come.
    for (const from = writer.placed(); writer.placed() < from + 120; ) {
      expect(await rebuild.mend()).toMatchObject({ wrong: 0 });
      const compared = await rebuild.compare({ patience: 20_000 });
      expect(compared).toMatchObject({ wrong: 0, differences: [], folded: compared.projection });
    }
    await writer.stop();
    await followed();
    const after = await rebuild.compare();
    expect(after).toMatchObject({
      orders: await count('order_list'),
      events: await count('events'),
      wrong: 0,
      folded: after.projection,
    });
    expect(await count('parked_keys')).toBe(0);
  });

  it('from nothing is all there, and is followed on from there', async () => {
    await database.query('DELETE FROM order_list');
    expect(await rebuild.mend()).toMatchObject({ wrong: 0, behind: await count('order_list') });
    const { id } = await place(reader);
    await orders.cancel(reader, id);
    await followed();
    const { projection, folded, wrong } = await rebuild.compare();
    expect([wrong, folded]).toEqual([0, projection]);
  });

  it('keeps the row of an order whose events are damaged, and says so', async () => {
    const id = randomUUIDv7();
    await store.append({
      stream: id,
      expectedVersion: 0,
      events: [{ type: 'StockReserved' }],
      recordedAt: '2026-01-02T03:04:05.000Z',
      messages: [],
    });
    const told = [{ id, what: 'cannot be folded: StockReserved before OrderPlaced: the stream is damaged' }];
    expect(await rebuild.mend()).toMatchObject({ wrong: 1, differences: told });
    expect(await rebuild.compare({ patience: 0 })).toMatchObject({ wrong: 1, differences: told });
    await database.query('DELETE FROM events WHERE stream = $1', [id]);
  });
});

describe('a rebuild that is killed in the middle', () => {
  it('leaves a list that is right up to there, and the next one does the rest', async () => {
    const wrong = `order_list WHERE total = 7`;
    await database.query('UPDATE order_list SET total = 7');
    const all = await count(wrong);
    const env = { PATH: process.env['PATH'], DATABASE_URL: url };
    const child = spawn(
      process.execPath,
      ['--import', './tools/ts.mjs', 'apps/orders/src/order-list-rebuild.fixture.ts'],
      { env, stdio: 'inherit' },
    );
    const gone = once(child, 'exit');
    while (child.exitCode === null && (await count(wrong)) === all) await sleep(1);
    child.kill('SIGKILL');
    expect(await gone).toEqual([null, 'SIGKILL']);
    const left = await count(wrong);
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(all);
    expect((await list.page(reader, { limit: PAGE, sort: '-placedAt' })).items).toHaveLength(PAGE);

    expect(await rebuild.mend()).toMatchObject({ wrong: left });
    const { projection, folded } = await rebuild.compare();
    expect(projection).toBe(folded);
    expect(await rebuild.mend()).toMatchObject({ wrong: 0, behind: 0 });
  });
});
