import { orderPage2, orderView2, productPage2, productView2, type OrderView, type ProductView } from '@shop/contracts';
import { runService, type RunningService } from '@shop/platform';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gateway } from '../service.ts';
import { fakeIssuer, FakeService } from '../services.fixture.ts';
import { deprecatedSince, goneFrom } from '../version-one.ts';

const issuer = 'http://shop.example/oidc';
const id = '0198c0de-0000-7000-8000-000000000001';
const product: ProductView = {
  id,
  sku: 'MUG',
  name: 'Mug',
  description: 'A mug.',
  price: 1250,
  currency: 'EUR',
  available: 3,
};
const order: OrderView = {
  id,
  status: 'placed',
  lines: [{ productId: id, name: 'Mug', quantity: 2, unitPrice: 1250 }],
  total: 2500,
  currency: 'EUR',
  placedAt: '2026-01-01T00:00:00Z',
  version: 1,
};

let behind: FakeService;
let tokens: Awaited<ReturnType<typeof fakeIssuer>>;
let running: RunningService;
beforeAll(async () => {
  [behind, tokens] = await Promise.all([FakeService.start(), fakeIssuer(issuer)]);
  const { url } = behind;
  running = await runService(gateway, {
    ISSUER: issuer,
    JWKS_URL: tokens.jwksUrl,
    LOG_LEVEL: 'silent',
    SHED_LOOP_DELAY_MS: '0',
    AUTH_URLS: url,
    CATALOG_URLS: url,
    ORDERS_URLS: url,
    NOTIFICATIONS_URLS: url,
  });
});
afterAll(async () => {
  await running.close();
  await Promise.all([tokens.stop(), behind.stop()]);
});

const ask = async (path: string, init: { method?: string; headers?: Record<string, string>; body?: string } = {}) => {
  const authorization = `Bearer ${await tokens.token('orders:read orders:write products:write', ['customer', 'admin'])}`;
  return fetch(running.url + path, {
    ...init,
    headers: {
      authorization,
      'idempotency-key': 'attempt-0001',
      ...(init.body && { 'content-type': 'application/json' }),
      ...init.headers,
    },
  });
};

describe('the same, in both versions at once', () => {
  it('a product: its price is money in the second', async () => {
    behind.says(200, product, { etag: '"1-x"' });
    expect(await (await ask(`/v1/products/${id}`)).json()).toEqual(product);
    const { price: amount, currency, ...rest } = product;
    const second = await ask(`/v2/products/${id}`);
    expect(productView2.parse(await second.json())).toEqual({ ...rest, price: { amount, currency } });
    expect((await ask(`/v2/products/${id}`, { headers: { 'if-none-match': '"1-x"' } })).status).toBe(304);
  });

  it('a list: its envelope says where it goes on', async () => {
    behind.says(200, { items: [product], nextCursor: 'next' });
    expect(await (await ask('/v1/products?limit=1')).json()).toEqual({ items: [product], nextCursor: 'next' });
    const second = productPage2.parse(await (await ask('/v2/products?limit=1')).json());
    expect([second.data.length, second.page.next]).toEqual([1, '/v2/products?limit=1&cursor=next']);
  });

  it('an order, and where it is', async () => {
    behind.says(201, order, { location: `/v1/orders/${id}`, etag: '"1"' });
    const body = JSON.stringify({ lines: [{ productId: id, quantity: 2 }], paymentToken: 'tok_good' });
    const [first, second] = [
      await ask('/v1/orders', { method: 'POST', body }),
      await ask('/v2/orders', { method: 'POST', body }),
    ];
    expect([first.headers.get('location'), second.headers.get('location')]).toEqual([
      `/v1/orders/${id}`,
      `/v2/orders/${id}`,
    ]);
    expect(orderView2.parse(await second.json())).toMatchObject({
      total: { amount: 2500, currency: 'EUR' },
      lines: [{ unitPrice: { amount: 1250, currency: 'EUR' } }],
    });
    behind.says(200, { items: [order] });
    expect(orderPage2.parse(await (await ask('/v2/orders')).json())).toMatchObject({
      data: [{ total: { amount: 2500 } }],
      page: {},
    });
  });

  it('a new price: the second names its currency, and a patch does not change it', async () => {
    const record = {
      id,
      sku: 'LAMP',
      name: 'Lamp',
      description: '',
      price: 4900,
      currency: 'EUR',
      active: true,
      version: 1,
      stock: { initial: 5, free: 5, reserved: 0, sold: 0 },
    };
    behind.says(201, record);
    const lamp = { sku: 'LAMP', name: 'Lamp', description: '', stock: 5 };
    const made = await ask('/v2/products', {
      method: 'POST',
      body: JSON.stringify({ ...lamp, price: { amount: 4900, currency: 'EUR' } }),
    });
    expect([await made.json(), JSON.parse(behind.last.body)]).toEqual([
      expect.objectContaining({ price: { amount: 4900, currency: 'EUR' } }),
      { ...lamp, price: 4900, currency: 'EUR' },
    ]);
    behind.says(200, record);
    const headers = { 'content-type': 'application/merge-patch+json', 'if-match': '"1"' };
    await ask(`/v2/products/${id}`, { method: 'PATCH', headers, body: '{"price":{"amount":1},"active":false}' });
    expect(JSON.parse(behind.last.body)).toEqual({ price: 1, active: false });
  });
});

describe('the first version', () => {
  it.each([
    ['/v1/products?limit=7', 200],
    ['/v1/products?limit=0', 400],
    ['/v1/nothing', 404],
  ])('says on %s how long it will be there, and where the same is to be had', async (path, status) => {
    behind.says(200, { items: [] });
    const answer = await ask(path);
    const successor = `<${path.split('?')[0]?.replace('/v1/', '/v2/')}>; rel="successor-version"`;
    expect([
      answer.status,
      answer.headers.get('deprecation'),
      answer.headers.get('sunset'),
      answer.headers.get('link'),
    ]).toEqual([status, `@${deprecatedSince.getTime() / 1000}`, goneFrom.toUTCString(), successor]);
  });

  it('gives a year, and says nothing of the kind in the second', async () => {
    expect(goneFrom.getTime() - deprecatedSince.getTime()).toBeGreaterThanOrEqual(365 * 86_400_000);
    expect((await ask('/v2/products')).headers.has('deprecation')).toBe(false);
  });
});
