import { randomUUIDv7 } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { anOrder, aProduct, startGraph } from './graph.fixture.ts';

let graph: Awaited<ReturnType<typeof startGraph>>;
let me: { authorization: string };

beforeAll(async () => {
  graph = await startGraph();
  me = { authorization: `Bearer ${await graph.tokens.token('orders:read orders:write')}` };
});
afterAll(() => graph.stop());
beforeEach(() => [graph.catalog, graph.orders, graph.notifications].forEach(({ seen }) => void (seen.length = 0)));

const id = randomUUIDv7();
const wish = { lines: [{ productId: id, quantity: 2 }], paymentToken: 'tok_good' };
const place =
  'mutation ($input: PlaceOrderInput!, $key: String) { placeOrder(input: $input, idempotencyKey: $key) { id status } }';
const everything = '{ orders { items { id lines { product { id } } } } }';

/** Answers as catalog and orders do when they are asked for several things by their ids. */
function manyOf<T extends { id: string }>(make: (id: string) => T) {
  return (seen: { path: string }, response: ServerResponse) => {
    const ids = new URL(seen.path, 'http://x').searchParams.get('ids')?.split(',') ?? [];
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ items: ids.map(make) }));
  };
}

describe('what a list shows of what it names', () => {
  it('is asked for once, however many name it: twenty orders of twenty lines take one call to orders more, and one to catalog', async () => {
    const products = Array.from({ length: 30 }, () => randomUUIDv7());
    const all = new Map(Array.from({ length: 20 }, () => anOrder(20, products)).map((order) => [order.id, order]));
    graph.catalog.answer = manyOf(aProduct);
    const details = manyOf((wanted) => all.get(wanted) ?? anOrder(1));
    graph.orders.answer = (seen, response) => {
      if (seen.path.startsWith('/orders/many')) return details(seen, response);
      const items = [...all.values()].map(({ lines: _, ...summary }) => summary);
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ items }));
    };
    const { data, errors } = await graph.ask(everything, {}, me);
    expect(errors).toEqual([]);
    const wanted = [...all.values()].map(({ id, lines }) => ({
      id,
      lines: lines.map((line) => ({ product: { id: line.productId } })),
    }));
    expect(data).toEqual({ orders: { items: wanted } });
    expect([graph.orders.seen.length, graph.catalog.seen.length]).toEqual([2, 1]);
  });

  it('is not asked for when nobody wants it', async () => {
    graph.orders.says(200, { items: [{ ...anOrder(1), lines: undefined }] });
    expect((await graph.ask('{ orders { items { id total cancellation } } }', {}, me)).errors).toEqual([]);
    expect([graph.orders.seen.length, graph.catalog.seen.length]).toEqual([1, 0]);
  });

  it('is left out where it cannot be had, and the rest is shown', async () => {
    graph.orders.says(200, anOrder(2));
    graph.catalog.says(500, { status: 500, type: 'x', title: 'x', code: 'x', detail: 'stack trace' });
    const { data, errors, codes } = await graph.ask(
      `{ order(id: "${id}") { status lines { name product { name } } } }`,
      {},
      me,
    );
    expect(data).toEqual({
      order: {
        status: 'PLACED',
        lines: [
          { name: 'Mug', product: null },
          { name: 'Mug', product: null },
        ],
      },
    });
    expect(codes).toEqual(['unavailable', 'unavailable']);
    expect(JSON.stringify(errors)).not.toContain('stack trace');
  });

  it('is null where a product is no longer on sale', async () => {
    graph.orders.says(200, anOrder(1));
    graph.catalog.says(200, { items: [] });
    expect((await graph.ask(`{ order(id: "${id}") { lines { product { name } } } }`, {}, me)).data).toEqual({
      order: { lines: [{ product: null }] },
    });
  });
});

describe('one operation', () => {
  it('hands its token, its trace and what is left of its time on', async () => {
    graph.orders.says(200, anOrder(1));
    const traceparent = '00-0123456789abcdef0123456789abcdef-0123456789abcdef-01';
    await graph.ask(`{ order(id: "${id}") { id } }`, {}, { ...me, traceparent });
    const { headers, path } = graph.orders.last;
    expect([path, headers.authorization, headers['traceparent']]).toEqual([
      `/orders/${id}`,
      me.authorization,
      expect.stringContaining('0123456789abcdef0123456789abcdef'),
    ]);
    expect(Number(headers['x-request-budget-ms'])).toBeGreaterThan(0);
  });

  it('goes by the same pages as REST', async () => {
    graph.catalog.says(200, { items: [aProduct(id)], nextCursor: 'next' });
    expect((await graph.ask('{ products(limit: 1, after: "abc") { items { id price } nextCursor } }')).data).toEqual({
      products: { items: [{ id, price: 1250 }], nextCursor: 'next' },
    });
    expect(graph.catalog.last.path).toBe('/products?limit=1&cursor=abc');
  });
});

describe('placing an order', () => {
  it.each([
    ['the argument', { key: 'attempt-0001' }, {}],
    ['the header', {}, { 'idempotency-key': 'attempt-0001' }],
    ['the argument before the header', { key: 'attempt-0001' }, { 'idempotency-key': 'attempt-0002' }],
  ])('takes its key from %s', async (_where, variables, headers) => {
    graph.orders.says(201, anOrder(1));
    expect((await graph.ask(place, { input: wish, ...variables }, { ...me, ...headers })).data).toEqual({
      placeOrder: expect.objectContaining({ status: 'PLACED' }) as object,
    });
    expect(graph.orders.last.headers['idempotency-key']).toBe('attempt-0001');
    expect(JSON.parse(graph.orders.last.body)).toEqual(wish);
  });

  it.each<[string, object, string, string]>([
    ['without a key', {}, 'validation-failed', '/headers/idempotency-key'],
    ['with a short key', { key: 'x' }, 'validation-failed', '/idempotencyKey'],
    [
      'with a quantity of none',
      { key: 'attempt-0001', input: { ...wish, lines: [{ productId: id, quantity: 0 }] } },
      'validation-failed',
      '/input/lines/0/quantity',
    ],
    [
      'with a card for a token',
      { key: 'attempt-0001', input: { ...wish, paymentToken: '4242424242424242' } },
      'validation-failed',
      '/input/paymentToken',
    ],
  ])('is refused %s', async (_what, variables, code, pointer) => {
    const { errors, codes, data } = await graph.ask(place, { input: wish, ...variables }, me);
    expect([data, codes, errors[0]?.extensions['errors']]).toEqual([
      null,
      [code],
      [expect.objectContaining({ pointer })],
    ]);
    expect(graph.orders.seen).toEqual([]);
  });

  it('does not take a field that it does not know', async () => {
    expect((await graph.ask(place, { input: { ...wish, coupon: 'x' }, key: 'attempt-0001' }, me)).codes).toEqual([
      'variables-invalid',
    ]);
  });

  it('says what orders says no to, in the same words as REST', async () => {
    graph.orders.says(422, {
      type: 'urn:shop:problem:idempotency-key-reused',
      title: 'Unprocessable',
      status: 422,
      code: 'idempotency-key-reused',
    });
    const { errors } = await graph.ask(place, { input: wish, key: 'attempt-0001' }, me);
    expect(errors[0]?.extensions).toMatchObject({
      code: 'idempotency-key-reused',
      status: 422,
      traceId: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
    });
  });
});

describe('cancelling an order', () => {
  it('says which version was seen', async () => {
    graph.orders.says(200, { ...anOrder(1), status: 'cancelled', cancellation: 'customer', version: 2 });
    const { data } = await graph.ask(
      `mutation { cancelOrder(id: "${id}", ifVersion: 1) { status cancellation } }`,
      {},
      me,
    );
    expect(data).toEqual({ cancelOrder: { status: 'CANCELLED', cancellation: 'CUSTOMER' } });
    expect(graph.orders.last).toMatchObject({ path: `/orders/${id}/cancellation`, headers: { 'if-match': '"1"' } });
  });
});

describe('the door', () => {
  it.each([
    '{ orders { items { id } } }',
    `{ order(id: "${id}") { id } }`,
    '{ notifications { items { id } } }',
    `mutation { cancelOrder(id: "${id}") { id } }`,
    `mutation { placeOrder(input: { lines: [], paymentToken: "tok_a" }, idempotencyKey: "attempt-0001") { id } }`,
  ])('keeps strangers, and tokens that lack the scope, out of %s', async (query) => {
    const other = { authorization: `Bearer ${await graph.tokens.token('openid')}` };
    const forged = { authorization: 'Bearer e30.e30.e30' };
    const codes = await Promise.all(
      [{}, other, forged].map(async (headers) => (await graph.ask(query, {}, headers)).codes),
    );
    expect(codes).toEqual([['token-missing'], ['insufficient-scope'], ['token-invalid']]);
    expect([...graph.orders.seen, ...graph.notifications.seen]).toEqual([]);
  });

  it('shows what is for everybody beside what is not', async () => {
    graph.catalog.says(200, { items: [] });
    const { data, codes } = await graph.ask('{ products { items { id } } orders { items { id } } }');
    expect([data, codes]).toEqual([{ products: { items: [] }, orders: null }, ['token-missing']]);
  });

  it("does not show a bug's words", async () => {
    graph.catalog.says(200, { password: 'hunter2' });
    const { errors, codes } = await graph.ask('{ products { items { id } } }');
    expect([codes, JSON.stringify(errors)]).toEqual([['internal-error'], expect.not.stringContaining('another shape')]);
  });
});
