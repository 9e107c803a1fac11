import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { OrderView } from '@shop/contracts';
import { describeWith } from '@shop/testing';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { cards, e2eBroker, e2eShop, PATIENCE_MS, type Customer, type E2eShop } from './e2e-shop.fixture.ts';
import type { ServiceName } from '../environment.ts';

/** Real kills, in the windows that matter. Two instances of every service; the supervisor starts again what dies. */
describeWith(e2eBroker, 'when a process is killed', () => {
  let shop: E2eShop;
  let alice: Customer;
  beforeAll(async () => {
    shop = await e2eShop('accidents');
    alice = await shop.customer();
    await alice.until((await alice.order()).id, 'confirmed');
  });
  afterAll(() => shop?.stop());

  const soon = <T>(assertion: () => Promise<T>) => vi.waitFor(assertion, { timeout: PATIENCE_MS, interval: 200 });
  const restarts = () => shop.shop.processes.reduce((sum, { restarts }) => sum + restarts, 0);

  /** A few orders of each fate, placed at once. */
  const someOrders = (count: number): Promise<OrderView[]> =>
    Promise.all(
      Array.from({ length: count }, (_, n) =>
        alice.order('DEMO-MUG', { card: n % 5 === 4 ? cards.declined : cards.good }),
      ),
    );

  /** Every order ended, everybody's books agree, and nothing happened twice. */
  async function allIsWell(orders: readonly OrderView[]): Promise<void> {
    for (const { id } of orders) {
      const { status } = await alice.until(id, 'confirmed', 'cancelled');
      const paid = status === 'confirmed' ? ['authorisation', 'capture'] : ['decline'];
      await soon(async () => expect(await shop.ledger(id)).toEqual(paid));
      const versions = await shop.sql<{ version: number }>(
        'orders',
        'SELECT version FROM events WHERE stream = $1 ORDER BY version',
        [id],
      );
      expect(versions.map((row) => row.version)).toEqual(versions.map((_, n) => n + 1));
      await soon(async () => {
        const messages = await shop.sql<{ status: string }>(
          'notifications',
          `SELECT status FROM messages WHERE document->>'orderId' = $1`,
          [id],
        );
        expect(messages).toEqual([{ status: 'sent' }]);
      });
    }
    await soon(async () => {
      const [stock] = await shop.sql<{ reserved: number; sold: number }>(
        'catalog',
        `SELECT reserved, sold FROM products WHERE sku = 'DEMO-MUG'`,
      );
      const [confirmed] = await shop.sql<{ count: number }>(
        'orders',
        `SELECT count(*)::int AS count FROM events WHERE type = 'OrderConfirmed'`,
      );
      expect(stock).toEqual({ reserved: 0, sold: confirmed?.count });
    });
    for (const database of ['orders', 'catalog', 'payments', 'notifications'] as const) {
      await soon(async () => expect(await shop.sql(database, 'SELECT key FROM parked_keys')).toEqual([]));
      await soon(async () => expect(await shop.sql(database, 'SELECT id FROM outbox')).toEqual([]));
    }
    // The read model follows, however long the group takes to notice that one of its instances is dead.
    await soon(async () => {
      const [list] = await shop.sql<{ behind: number }>(
        'orders',
        `SELECT count(*)::int AS behind FROM (SELECT stream, max(version) AS version FROM events GROUP BY stream) AS s
         LEFT JOIN order_list ON id = stream WHERE order_list.version IS DISTINCT FROM s.version`,
      );
      expect(list?.behind).toBe(0);
    });
  }

  const windows = [
    'relay-published',
    'orders.saga-handled',
    'orders.list-handled',
    'catalog.stock-handled',
    'payments.commands-handled',
    'notifications.mail-handled',
  ];
  it.each(windows)('at %s, nothing is lost and nothing happens twice', async (window) => {
    const before = restarts();
    const armed = join(shop.failPoints, window);
    writeFileSync(armed, '');
    const orders = await someOrders(5);
    // The file is taken by the process that the kill hits: a run without a kill proves nothing.
    await soon(async () => expect(existsSync(armed)).toBe(false));
    await allIsWell(orders);
    expect(restarts()).toBeGreaterThan(before);
  });

  const services: ServiceName[] = ['orders', 'catalog', 'payments', 'notifications', 'auth', 'gateway'];
  it.each(services)('%s, in the middle of ten orders: all ten end, and nobody pays twice', async (service) => {
    const placing = someOrders(10);
    await vi
      .waitFor(async () => expect(await shop.sql('orders', 'SELECT 1 FROM outbox')).not.toEqual([]), {
        timeout: 5_000,
        interval: 5,
      })
      .catch(() => {});
    await Promise.all([1, 2].map((instance) => shop.shop.kill(service, instance)));
    const orders = await placing;
    await Promise.all([1, 2].map((instance) => shop.shop.untilReady(service, instance)));
    await allIsWell(orders);
  });
});
