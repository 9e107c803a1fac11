import { randomUUIDv7 } from 'node:crypto';
import { productsSummary, type CloudEvent } from '@shop/contracts';
import {
  announceAll,
  ProductAdministration,
  ProductAnnouncement,
  ProductCopiesConsumer,
  ProductsSummary,
  ProductStore,
} from '@shop/catalog';
import {
  ConsumerRuntime,
  MemoryBus,
  PostgresOutbox,
  QueueRelay,
  Unmeasured,
  type BusMessage,
  type Consumer,
} from '@shop/eventing';
import { PricesConsumer, ProductCopy, ProductCopyConsumer } from '@shop/orders';
import { Database, Health, type Logger } from '@shop/platform';
import { freshDatabase } from '@shop/testing';
import { afterAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { eventsCommand } from './command.ts';

const silent = { info: () => {}, warn: () => {}, error: () => {} };
const log = silent as unknown as Logger;

/** A bus that loses what it is told to. */
class LosingBus extends MemoryBus {
  loses: (message: CloudEvent) => boolean = () => false;
  readonly published: CloudEvent[] = [];

  override publish(messages: readonly BusMessage[]): Promise<void> {
    this.published.push(...messages.map(({ value }) => JSON.parse(value) as CloudEvent));
    return super.publish(messages.filter(({ value }) => !this.loses(JSON.parse(value) as CloudEvent)));
  }
}

class Counted extends Unmeasured {
  mended = 0;
  override reemitted(): void {
    this.mended++;
  }
}

const [catalogUrls, ordersUrls] = await Promise.all([freshDatabase('catalog'), freshDatabase('orders')]);
const [catalog, orders] = [catalogUrls, ordersUrls].map(
  ({ url }) => new Database(url, { size: 8, application: 'spec' }),
) as [Database, Database];
const [bus, health, metrics] = [new LosingBus(), new Health(), new Counted()];
health.started();
const [relay, ordersRelay] = [catalogUrls, ordersUrls].map(
  ({ url }) => new QueueRelay({ connectionString: url, bus, log }),
) as [QueueRelay, QueueRelay];
const [outbox, ordersOutbox] = [relay, ordersRelay].map((one) => new PostgresOutbox(() => one.wake())) as [
  PostgresOutbox,
  PostgresOutbox,
];
const [store, products, announcement] = [
  new ProductStore(catalog, outbox),
  new ProductAdministration(catalog, outbox),
  new ProductAnnouncement(catalog, outbox),
];
const summary = new ProductsSummary(catalog, bus, log);
const copy = new (class extends ProductCopy {
  protected override readonly patience = { answerMs: 1_000, apartMs: 0 };
})(orders, ordersOutbox, metrics, log, health);
const prices = new PricesConsumer(copy, metrics, log);
const runtimes = (
  [
    [catalog, new ProductCopiesConsumer(announcement, log)],
    [orders, prices],
    [orders, new ProductCopyConsumer(copy)],
  ] as [Database, Consumer][]
).map(
  ([database, consumer]) =>
    new ConsumerRuntime({
      consumer,
      bus,
      database,
      outbox: database === catalog ? outbox : ordersOutbox,
      log,
      attempts: 3,
    }),
);
await Promise.all([
  ...runtimes.map((runtime) => runtime.start()),
  bus.subscribe({ group: 'catalog.cache', topics: ['catalog.products'], maxInFlight: 9, handle: async () => {} }),
]);
relay.start();
ordersRelay.start();
afterAll(async () => {
  await Promise.all(runtimes.map((runtime) => runtime.stop()));
  await Promise.all([relay.stop(), ordersRelay.stop()]);
  await Promise.all([catalog.close(), orders.close()]);
});

const soon = (condition: () => Promise<void> | void) => vi.waitFor(condition, { timeout: 30_000, interval: 50 });
const rows = (database: Database) =>
  database.query('SELECT id, name, price::int, currency::text, active, version FROM products ORDER BY id');
const whole = () => soon(async () => expect(await rows(orders)).toEqual(await rows(catalog)));
const ready = async () => {
  await copy.tick();
  return health.report('ready').checks['copy of the products'];
};
const named = (n: number) => ({
  id: randomUUIDv7(),
  sku: `S-${randomUUIDv7()}`,
  name: `Mug ${n}`,
  description: '',
  price: 100 + n,
  currency: 'EUR',
  stock: 5,
});
const change = (id: string, price: number) => products.change(id, { price }, undefined);

let ids: string[];
beforeEach(async () => {
  bus.loses = () => false;
  const made = Array.from({ length: 30 }, (_, n) => named(n));
  await store.add(made);
  ids = made.map(({ id }) => id);
  await whole();
  metrics.mended = 0;
});

describe('a copy of the products', () => {
  it('that is whole is asked for nothing', async () => {
    bus.published.length = 0;
    for (let n = 0; n < 3; n++) await summary.tick();
    expect(bus.published.map(({ type }) => type)).toEqual([1, 2, 3].map(() => productsSummary.type));
    expect([metrics.mended, await ready()]).toEqual([0, 'ok']);
  });

  it('that lacks a change which was lost on its way is found out by the summary, asked for, and mended', async () => {
    bus.loses = ({ type, data }) => type === 'catalog.product-changed.v1' && data['snapshot'] === undefined;
    await change(ids[0]!, 999);
    await soon(async () => expect(await catalog.query('SELECT 1 FROM outbox')).toEqual([]));
    expect(await rows(orders)).not.toEqual(await rows(catalog));
    await summary.tick();
    expect(await ready()).toBe('ok');
    await summary.tick();
    await whole();
    expect(metrics.mended).toBe(1);
  });

  it('that was changed by hand is put right by its snapshot, though its version is the same', async () => {
    await orders.query('UPDATE products SET price = 1 WHERE id = $1', [ids[3]]);
    for (let n = 0; n < 2; n++) await summary.tick();
    await whole();
    expect(metrics.mended).toBe(1);
  });

  it('whose place on the topic was lost is not served from until catalog has announced all of it', async () => {
    bus.loses = ({ type }) => type === 'catalog.product-changed.v1' || type === 'catalog.announce-products.v1';
    for (const id of ids.slice(0, 5)) await change(id, 500);
    await soon(async () => expect(await catalog.query('SELECT 1 FROM outbox')).toEqual([]));
    await prices.lost({ topic: 'catalog.products', partition: 3, messages: 5, why: 'expired' });
    expect(await ready()).toMatch(/^5 messages of catalog\.products:3 were gone before they were read/);
    await soon(async () => expect(await orders.query('SELECT 1 FROM outbox')).toEqual([]));
    bus.loses = () => false;
    // The question was lost: it is asked again when an answer is overdue.
    await soon(async () => {
      await summary.tick();
      expect(await rows(orders)).toEqual(await rows(catalog));
    });
    await soon(async () => expect(await ready()).toBe('ok'));
    expect(metrics.mended).toBe(5);
  });

  it('whose place was lost is not taken for whole because it is like what catalog says unasked', async () => {
    bus.loses = ({ type }) => type === 'catalog.announce-products.v1';
    await prices.lost({ topic: 'catalog.products', partition: 3, messages: undefined, why: 'made anew' });
    await summary.tick();
    expect(await ready()).toMatch(/^some messages/);
    bus.loses = () => false;
    await soon(async () => {
      await summary.tick();
      expect(await ready()).toBe('ok');
    });
  });

  it('is never put back by an announcement while products change', async () => {
    const regressions: string[] = [];
    const seen = new Map<string, number>();
    let over = false;
    const watching = (async () => {
      while (!over) {
        for (const { id, version } of (await rows(orders)) as { id: string; version: number }[]) {
          if (version < (seen.get(id) ?? 0)) regressions.push(id);
          seen.set(id, version);
        }
      }
    })();
    const changing = Promise.all(
      ids.slice(0, 8).map(async (id) => {
        for (let n = 0; n < 15; n++) await change(id, 1_000 + n);
      }),
    );
    const announcing = (async () => {
      for (let n = 0; n < 6; n++) await announcement.run();
    })();
    await Promise.all([changing, announcing]);
    await whole();
    over = true;
    await watching;
    expect(regressions).toEqual([]);
    expect(metrics.mended).toBe(0);
    const told = bus.published
      .filter(({ type, subject }) => type === 'catalog.product-changed.v1' && subject === ids[0])
      .map(({ sequence }) => Number(sequence));
    // A relay that could not note what it had published says it again, in the same order.
    const first = [...new Set(told)];
    expect(first).toEqual(first.toSorted((a, b) => a - b));
  });

  it('is made anew by an operator, which is written down', async () => {
    await orders.query('DELETE FROM products');
    const said: string[] = [];
    const shop = { brokers: undefined, databases: { catalog: catalogUrls, orders: ordersUrls } } as never;
    expect(await eventsCommand(['announce', 'products'], { shop: () => shop, say: (line) => said.push(line) })).toBe(0);
    await whole();
    expect(said[0]).toMatch(/^announced \d+ products: they wait/);
    expect(await announceAll(catalog, announcement, { operator: 'op' })).toMatch(/^announced \d+ products$/);
    const [last] = await catalog.query<{ operator: string; action: string }>(
      'SELECT operator, action FROM operator_actions ORDER BY id DESC LIMIT 1',
    );
    expect(last).toEqual({ operator: 'op', action: 'announce' });
  });
});
