import { randomUUID } from 'node:crypto';
import type { OrderHistory, OrderPage } from '@shop/contracts';
import { describeWith } from '@shop/testing';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { operatorToken } from '../login.ts';
import { sendEverywhere, sightings } from './secrets.fixture.ts';
import { cards, e2eBroker, e2eShop, PATIENCE_MS, type Customer, type E2eShop } from './e2e-shop.fixture.ts';

/** The main job through the gateway, with two instances of every service on real servers. */
describeWith(e2eBroker, 'the shop', () => {
  let shop: E2eShop;
  let alice: Customer;
  let bob: Customer;
  beforeAll(async () => {
    shop = await e2eShop('mainjob');
    [alice, bob] = await Promise.all([shop.customer(), shop.customer()]);
    // Orders hears of the catalog by its events: the first order waits for that.
    await alice.order();
  });
  afterAll(() => shop?.stop());

  const soon = <T>(assertion: () => Promise<T>) => vi.waitFor(assertion, { timeout: PATIENCE_MS, interval: 100 });
  const stockOf = async (sku: string) =>
    (
      await shop.sql<{ free: number; reserved: number; sold: number }>(
        'catalog',
        'SELECT free, reserved, sold FROM products WHERE sku = $1',
        [sku],
      )
    )[0];
  const ordersOf = async (customer: Customer) =>
    (await shop.sql('orders', `SELECT DISTINCT stream FROM events WHERE data->>'customerId' = $1`, [customer.subject]))
      .length;

  describe('a customer who can pay for what is there', () => {
    it('gets it: reserved, paid, confirmed, mailed', async () => {
      const sku = [...(await shop.products()).keys()].find(
        (each) => each !== 'DEMO-MUG' && each !== 'SOLD-OUT',
      ) as string;
      const before = await stockOf(sku);
      const placed = await alice.order(sku, { quantity: 3 });
      expect(placed).toMatchObject({ status: 'placed', version: 1, lines: [{ quantity: 3 }] });
      expect(placed.total).toBe((placed.lines[0]?.unitPrice ?? 0) * 3);
      const confirmed = await alice.until(placed.id, 'confirmed');
      expect(confirmed).toMatchObject({ version: 4, total: placed.total });

      const { body } = await alice.ask<OrderHistory>(`/v1/orders/${placed.id}/history`);
      expect(body.events.map((event) => [event.version, event.type])).toEqual([
        [1, 'OrderPlaced'],
        [2, 'StockReserved'],
        [3, 'PaymentAuthorised'],
        [4, 'OrderConfirmed'],
      ]);
      expect(JSON.stringify(body)).not.toContain('tok_');
      await soon(async () =>
        expect(await stockOf(sku)).toEqual({
          free: (before?.free ?? 0) - 3,
          reserved: 0,
          sold: (before?.sold ?? 0) + 3,
        }),
      );
      await soon(async () => expect(await shop.ledger(placed.id)).toEqual(['authorisation', 'capture']));
      await soon(async () => expect(await shop.mails(placed.id)).toHaveLength(1));
    });

    it('finds it in the list, newest first, page by page', async () => {
      const newest = await alice.order();
      await soon(async () => {
        const { body } = await alice.ask<OrderPage>('/v1/orders?limit=1');
        expect(body.items.map((order) => order.id)).toEqual([newest.id]);
      });
      const { body: first } = await alice.ask<OrderPage>('/v1/orders?limit=1');
      const { body: second } = await alice.ask<OrderPage>(`/v1/orders?limit=1&cursor=${first.nextCursor}`);
      expect(second.items).toHaveLength(1);
      expect((second.items[0]?.id ?? '') < newest.id).toBe(true);
    });
  });

  describe('a customer whose mailbox nobody has proven', () => {
    it('orders like any other, gets one link and no other mail, and every mail as soon as it is proven', async () => {
      const { customer, email, password } = await shop.stranger();
      const { id } = await customer.order();
      await customer.until(id, 'confirmed');
      await soon(async () =>
        expect(
          await shop.sql(
            'notifications',
            `SELECT 1 FROM messages WHERE document->>'orderId' = $1 AND failure = 'address-unverified'`,
            [id],
          ),
        ).toHaveLength(1),
      );
      const [mail = '', ...others] = await soon(async () => {
        const mails = await shop.mailbox(email);
        expect(mails.length).toBeGreaterThan(0);
        return mails;
      });
      expect(others).toEqual([]);
      const [link = ''] = /http\S+\/oidc\/verification\/\S+/.exec(mail) ?? [];
      expect((await fetch(link, { method: 'POST', body: new URLSearchParams({ password }) })).status).toBe(200);
      await soon(async () => expect(await shop.mails(id)).toEqual(['Your order is confirmed']));
    });
  });

  describe('a customer who cannot have it', () => {
    it('for want of money: the stock goes back, nothing is charged, the mail says so', async () => {
      const sku = [...(await shop.products()).keys()].at(-1) as string;
      const before = await stockOf(sku);
      const { id } = await alice.order(sku, { card: cards.declined });
      expect(await alice.until(id, 'cancelled')).toMatchObject({ cancellation: 'payment-declined' });
      await soon(async () => expect(await stockOf(sku)).toEqual(before));
      expect(await shop.ledger(id)).toEqual(['decline']);
      await soon(async () => expect(await shop.mails(id)).toHaveLength(1));
    });

    it('for want of stock: no money moves', async () => {
      const { id } = await alice.order('SOLD-OUT');
      expect(await alice.until(id, 'cancelled')).toMatchObject({ cancellation: 'out-of-stock' });
      expect(await shop.ledger(id)).toEqual([]);
    });

    it('by changing her mind while the payment is under way: the stock goes back and what was held is let go', async () => {
      await shop.turnKnobs({ endpoints: { authorise: { latencyMs: 1_500 } } });
      const cancel = (id: string, headers: Record<string, string> = {}) =>
        alice.ask(`/v1/orders/${id}/cancellation`, {
          method: 'POST',
          body: '{}',
          headers: { 'content-type': 'application/json', ...headers },
        });
      /** On a busy machine the payment may be through before she says so: then with another order. */
      const cancelledInTime = async (): Promise<{ id: string; free: number | undefined }> => {
        const free = (await stockOf('DEMO-MUG'))?.free;
        const { id } = await alice.order();
        await alice.until(id, 'reserved', 'confirmed');
        expect((await cancel(id, { 'if-match': '"1"' })).status).toBe(412);
        const answer = await cancel(id);
        if (answer.body.code === 'order-not-cancellable') return cancelledInTime();
        expect(answer).toMatchObject({ status: 200, body: { status: 'cancelled', cancellation: 'customer' } });
        return { id, free };
      };
      const { id, free } = await cancelledInTime();
      expect((await cancel(id)).status).toBe(200);
      await shop.turnKnobs({});
      await soon(async () => expect(await shop.ledger(id)).toEqual(['authorisation', 'void']));
      await soon(async () => expect((await stockOf('DEMO-MUG'))?.free).toBe(free));
      expect(await alice.get(id)).toMatchObject({ status: 'cancelled', version: 3 });
    });

    it('once it is confirmed: too late to cancel', async () => {
      const { id } = await alice.order();
      await alice.until(id, 'confirmed');
      const answer = await alice.ask(`/v1/orders/${id}/cancellation`, {
        method: 'POST',
        body: '{}',
        headers: { 'content-type': 'application/json' },
      });
      expect(answer).toMatchObject({ status: 409, body: { code: 'order-not-cancellable' } });
    });
  });

  describe('the same Idempotency-Key', () => {
    it('gets the first answer again and orders nothing twice, also when twenty come at once', async () => {
      const [carol, key] = [await shop.customer(), randomUUID()];
      const basket = await carol.basket('DEMO-MUG');
      const answers = await Promise.all(Array.from({ length: 20 }, () => carol.post(basket, key)));
      expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([201]));
      expect(new Set(answers.map((answer) => answer.body.id)).size).toBe(1);
      const again = await carol.post(basket, key);
      expect([again.status, again.body.id, again.headers.get('idempotency-replayed')]).toEqual([
        201,
        answers[0]?.body.id,
        'true',
      ]);
      expect(await ordersOf(carol)).toBe(1);
      await carol.until(again.body.id, 'confirmed');
      await soon(async () => expect(await shop.ledger(again.body.id)).toEqual(['authorisation', 'capture']));
    });

    it('with another body is refused', async () => {
      const key = randomUUID();
      await alice.post(await alice.basket('DEMO-MUG'), key);
      expect(await alice.post(await alice.basket('DEMO-MUG', { quantity: 2 }), key)).toMatchObject({
        status: 422,
        body: { code: 'idempotency-key-reused' },
      });
    });

    it('of somebody else is a key of its own', async () => {
      const key = randomUUID();
      const [hers, his] = [
        await alice.post(await alice.basket('DEMO-MUG'), key),
        await bob.post(await bob.basket('DEMO-MUG'), key),
      ];
      expect([hers.status, his.status]).toEqual([201, 201]);
      expect(hers.body.id).not.toBe(his.body.id);
    });

    it('gets the same refusal again', async () => {
      const [key, basket] = [randomUUID(), await alice.basket(randomUUID())];
      const [first, second] = [await alice.post(basket, key), await alice.post(basket, key)];
      expect([first.status, first.body.code]).toEqual([422, 'unknown-product']);
      expect(first.body.errors).toEqual([expect.objectContaining({ pointer: '/lines/0/productId' })]);
      expect([second.status, second.body.code, second.body.errors]).toEqual([
        422,
        'unknown-product',
        first.body.errors,
      ]);
    });
  });

  describe('what is wrong with a request is said as a problem', () => {
    const wrong: [string, number, string, (basket: object) => [unknown, Record<string, string>?]][] = [
      ['no lines', 400, '/lines', (basket) => [{ ...basket, lines: [] }]],
      [
        'a fraction of a mug',
        400,
        '/lines/0/quantity',
        (basket) => [{ ...basket, lines: [{ productId: randomUUID(), quantity: 0.5 }] }],
      ],
      ['a field nobody knows', 400, '/total', (basket) => [{ ...basket, total: 1 }]],
      ['not an object', 400, '', () => ['[]']],
    ];
    it.each(wrong)('%s', async (_, status, pointer, make) => {
      const [body, headers] = make(await alice.basket('DEMO-MUG'));
      const answer = await alice.post(body, randomUUID(), headers);
      expect(answer.status).toBe(status);
      expect(answer.headers.get('content-type')).toContain('application/problem+json');
      expect(answer.body).toMatchObject({
        status,
        code: expect.any(String),
        traceId: expect.stringMatching(/^[0-9a-f]{32}$/),
      });
      expect(answer.body.errors?.some((error) => error.pointer.endsWith(pointer))).toBe(true);
    });

    const elsewhere: [string, number, () => Promise<{ status: number; headers: Headers }>][] = [
      ['half a JSON', 400, () => alice.post('{"lines":', randomUUID())],
      ['another media type', 415, () => alice.post('lines', randomUUID(), { 'content-type': 'text/plain' })],
      ['a huge body', 413, () => alice.post({ lines: 'x'.repeat(200_000) }, randomUUID())],
      [
        'no Idempotency-Key',
        400,
        () => alice.ask('/v1/orders', { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } }),
      ],
      ['no such path', 404, () => shop.ask('/v1/nothing')],
      ['not that method', 405, () => shop.ask('/v1/products', { method: 'DELETE' })],
      ['no token', 401, () => shop.ask('/v1/orders')],
      ['a token of nobody', 401, () => shop.ask('/v1/orders', { headers: { authorization: 'Bearer nonsense' } })],
      ['an id that is none', 400, () => alice.ask('/v1/orders/7')],
      ['a cursor of nobody', 400, () => shop.ask('/v1/products?cursor=nonsense')],
    ];
    it.each(elsewhere)('%s', async (_, status, ask) => {
      const answer = await ask();
      expect(answer.status).toBe(status);
      expect(answer.headers.get('content-type')).toContain('application/problem+json');
    });

    it('somebody else’s order is not found, whatever one asks of it', async () => {
      const { id } = await alice.order();
      const post = { method: 'POST', body: '{}', headers: { 'content-type': 'application/json' } };
      const answers = [
        await bob.ask(`/v1/orders/${id}`),
        await bob.ask(`/v1/orders/${id}/history`),
        await bob.ask(`/v1/orders/${id}/cancellation`, post),
      ];
      expect(answers.map((answer) => [answer.status, answer.body.code])).toEqual(
        Array(3).fill([404, 'order-not-found']),
      );
      expect((await bob.ask<OrderPage>('/v1/orders?limit=100')).body.items.map((order) => order.id)).not.toContain(id);
    });
  });

  it('keeps a secret, wherever it was put: no answer, no log and no message shows it but the one that pays', async () => {
    const secret = `canary-${randomUUID()}`;
    const answers = await sendEverywhere(shop, alice, secret);
    expect(answers.filter((answer) => answer.includes(secret))).toEqual([]);
    const known = shop.shop.brokers === undefined ? [] : ['payments.commands'];
    expect(await sightings(shop, secret)).toEqual(known);
  });

  describeWith('redis', 'while something is away that it does not depend on', () => {
    const read = async () => {
      const { status, headers } = await shop.ask('/v1/products?limit=7');
      return { status, kept: headers.get('cache-status') ?? '', age: Number(headers.get('age')) };
    };
    const hit = () => soon(async () => expect((await read()).kept).toMatch(/^gateway; hit/));

    it.each(['cut', 'silence'] as const)(
      'Redis (%s): products are read and orders are placed and confirmed, and then it is used again',
      async (how) => {
        await hit();
        shop.redis?.[how]();
        await soon(async () => expect(await read()).toMatchObject({ status: 200, kept: 'gateway; fwd=bypass' }));
        await alice.until((await alice.order()).id, 'confirmed');
        shop.redis?.mend();
        await hit();
      },
    );

    it('catalog: products are still shown, from the cache, with their age', async () => {
      await hit();
      await Promise.all([1, 2].map((instance) => shop.shop.halt('catalog', instance)));
      await soon(async () => {
        const { status, age } = await read();
        expect([status, age > 6]).toEqual([200, true]);
      });
      await Promise.all([1, 2].map((instance) => shop.shop.restart('catalog', instance)));
      await soon(async () => expect((await read()).age).toBeLessThan(6));
    });
  });

  describe('whoever operates it', () => {
    it('finds at each instance that the list of orders is what its events make it, and nothing of that at the gateway', async () => {
      const { instances, urls, operatorSecret } = shop.shop;
      const headers = { authorization: `Bearer ${await operatorToken(`${urls.gateway}/oidc`, operatorSecret)}` };
      for (const url of instances.orders) {
        await soon(async () => {
          const answer = await fetch(`${url}/operations/projections/orders/check`, { method: 'POST', headers });
          expect([answer.status, await answer.json()]).toMatchObject([200, { same: true, wrong: 0 }]);
        });
      }
      const statuses = [];
      for (const service of ['catalog', 'payments', 'notifications'] as const)
        statuses.push((await fetch(`${urls[service]}/operations/outbox`, { headers })).status);
      expect(statuses).toEqual([200, 200, 200]);
      expect((await shop.ask('/operations/outbox', { headers })).status).toBe(404);
    });
  });
});
