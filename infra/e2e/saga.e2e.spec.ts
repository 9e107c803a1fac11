import { randomUUID } from 'node:crypto';
import type { OrderHistory, OrderView } from '@shop/contracts';
import { describeWith } from '@shop/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ServiceName } from '../environment.ts';
import { e2eBroker, e2eShop, PATIENCE_MS, type Customer, type E2eShop } from './e2e-shop.fixture.ts';

/**
 * Ways out of the main job: given up at each point, and a payment provider that does not say what it did. Two instances
 * of every service.
 */
describeWith(e2eBroker, 'the saga', () => {
  let shop: E2eShop;
  let alice: Customer;
  beforeAll(async () => {
    // Short, so that a provider counts as quiet within the patience of a test.
    shop = await e2eShop('saga', { payments: { PROVIDER_SETTLES_WITHIN_MS: '3000' } });
    alice = await shop.customer();
    await alice.until((await alice.order()).id, 'confirmed');
  });
  afterAll(() => shop?.stop());

  const soon = <T>(assertion: () => Promise<T>) => vi.waitFor(assertion, { timeout: PATIENCE_MS, interval: 100 });
  const stockOf = async (sku: string) =>
    (await shop.sql('catalog', 'SELECT free, reserved FROM products WHERE sku = $1', [sku]))[0];
  const reservationOf = async (id: string) =>
    (await shop.sql<{ status: string }>('catalog', 'SELECT status FROM reservations WHERE order_id = $1', [id]))[0]
      ?.status;
  const paymentOf = async (id: string) =>
    (await shop.sql<{ status: string }>('payments', 'SELECT status FROM payments WHERE order_id = $1', [id]))[0]
      ?.status;
  const openOutcome = (id: string) =>
    shop.sql('payments', 'SELECT move, unwanted FROM open_outcomes WHERE order_id = $1', [id]);
  const cancel = (id: string) =>
    alice.ask(`/v1/orders/${id}/cancellation`, {
      method: 'POST',
      body: '{}',
      headers: { 'content-type': 'application/json' },
    });
  /** Time passes for one order only. */
  const deadlinePasses = (id: string) =>
    shop.sql('orders', `UPDATE deadlines SET since = since - interval '10 minutes', due_at = now() WHERE stream = $1`, [
      id,
    ]);
  const eventsOf = async (id: string) =>
    (await alice.ask<OrderHistory>(`/v1/orders/${id}/history`)).body.events.map(({ type }) => type);

  let stock: unknown;
  beforeEach(async () => {
    await soon(async () => expect(await stockOf('DEMO-MUG')).toMatchObject({ reserved: 0 }));
    stock = await stockOf('DEMO-MUG');
  });
  afterEach(() => shop.turnKnobs({}));

  /** Everybody's books say that the order has nothing, and the provider's that nothing is held. */
  async function allIsGivenBack(id: string, ledger: string[]): Promise<void> {
    await soon(async () =>
      expect([await reservationOf(id), await paymentOf(id), await openOutcome(id)]).toEqual(['released', 'voided', []]),
    );
    expect(await shop.ledger(id)).toEqual(ledger);
    expect(await stockOf('DEMO-MUG')).toEqual(stock);
  }

  /** Places an order while a service is away. */
  async function orderWithout(service: ServiceName): Promise<OrderView> {
    const basket = await alice.basket('DEMO-MUG');
    await Promise.all([1, 2].map((instance) => shop.shop.halt(service, instance)));
    const { status, body } = await alice.post(basket, randomUUID());
    expect(status).toBe(201);
    return body;
  }
  const bringBack = (service: ServiceName) =>
    Promise.all([1, 2].map((instance) => shop.shop.restart(service, instance)));

  describe('given up before its stock is reserved', () => {
    it('by the customer, or by its deadline: the reservation that comes late holds nothing, and no money is asked for', async () => {
      const basket = await alice.basket('DEMO-MUG');
      const changed = await orderWithout('catalog');
      const expired = (await alice.post(basket, randomUUID())).body;
      expect(await cancel(changed.id)).toMatchObject({ status: 200, body: { cancellation: 'customer', version: 2 } });
      await deadlinePasses(expired.id);
      expect(await alice.until(expired.id, 'cancelled')).toMatchObject({ cancellation: 'timed-out', version: 2 });
      await bringBack('catalog');
      for (const { id } of [changed, expired]) {
        await allIsGivenBack(id, []);
        // Catalog did reserve and say so: the order heard it too late, and kept to what it was.
        expect(await eventsOf(id)).toEqual(['OrderPlaced', 'OrderCancelled']);
      }
    });
  });

  describe('given up while its stock is reserved and the payment has not been asked for', () => {
    it('lets go of the money as soon as it is held', async () => {
      const { id } = await orderWithout('payments');
      await alice.until(id, 'reserved');
      expect(await cancel(id)).toMatchObject({ status: 200, body: { cancellation: 'customer' } });
      await bringBack('payments');
      await allIsGivenBack(id, ['authorisation', 'void']);
      expect(await eventsOf(id)).toEqual(['OrderPlaced', 'StockReserved', 'OrderCancelled']);
    });
  });

  describe('a provider that holds the money and loses the answer', () => {
    it('is believed by its ledger: the order is confirmed, and paid once', async () => {
      await shop.turnKnobs({ endpoints: { authorise: { lostAnswerRate: 1 } } });
      const { id } = await alice.order();
      await alice.until(id, 'confirmed');
      await soon(async () =>
        expect([await shop.ledger(id), await paymentOf(id), await openOutcome(id)]).toEqual([
          ['authorisation', 'capture'],
          'captured',
          [],
        ]),
      );
    });

    it('while the customer cancels, the ledger is away and payments is killed: what was held is let go in the end', async () => {
      await shop.turnKnobs({ endpoints: { authorise: { lostAnswerRate: 1 }, ledger: { errorRate: 1 } } });
      const { id } = await alice.order();
      await soon(async () => expect(await openOutcome(id)).toEqual([{ move: 'authorise', unwanted: false }]));
      expect(await cancel(id)).toMatchObject({ status: 200 });
      await soon(async () => expect(await openOutcome(id)).toEqual([{ move: 'authorise', unwanted: true }]));
      await Promise.all([1, 2].map((instance) => shop.shop.kill('payments', instance)));
      await shop.turnKnobs({});
      await allIsGivenBack(id, ['authorisation', 'void']);
      expect(await alice.get(id)).toMatchObject({ status: 'cancelled', cancellation: 'customer' });
    });

    it('to a capture: no capture is forgotten, none happens twice', async () => {
      await shop.turnKnobs({ endpoints: { capture: { lostAnswerRate: 1 } } });
      const { id } = await alice.order();
      await alice.until(id, 'confirmed');
      await soon(async () => expect([await paymentOf(id), await openOutcome(id)]).toEqual(['captured', []]));
      expect(await shop.ledger(id)).toEqual(['authorisation', 'capture']);
    });
  });

  describe('a provider that drops the request', () => {
    it('until the deadline of the order: nothing was ever held, and nobody asks for it any more', async () => {
      await shop.turnKnobs({ endpoints: { authorise: { timeoutRate: 1 } } });
      const { id } = await alice.order();
      await soon(async () => expect(await openOutcome(id)).toHaveLength(1));
      await deadlinePasses(id);
      expect(await alice.until(id, 'cancelled')).toMatchObject({ cancellation: 'timed-out', version: 3 });
      await soon(async () => expect(await openOutcome(id)).toEqual([{ move: 'authorise', unwanted: true }]));
      await shop.turnKnobs({});
      await allIsGivenBack(id, []);
    });
  });
});
