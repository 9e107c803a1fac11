import type { OrderView, ProductView } from '@shop/contracts';
import { runService, type RunningService } from '@shop/platform';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fakeIssuer, FakeService } from './services.fixture.ts';
import { gateway } from './service.ts';

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
const wish = { lines: [{ productId: id, quantity: 2 }], paymentToken: 'tok_good' };

let services: Record<'auth' | 'catalog' | 'orders' | 'notifications', FakeService>;
let tokens: Awaited<ReturnType<typeof fakeIssuer>>;
let running: RunningService;
let token: string;

beforeAll(async () => {
  const [auth, catalog, orders, notifications] = await Promise.all([
    FakeService.start(),
    FakeService.start(),
    FakeService.start(),
    FakeService.start(),
  ]);
  services = { auth, catalog, orders, notifications };
  tokens = await fakeIssuer(issuer);
  token = await tokens.token('orders:read orders:write');
  running = await runService(gateway, {
    ISSUER: issuer,
    JWKS_URL: tokens.jwksUrl,
    LOG_LEVEL: 'silent',
    SHED_LOOP_DELAY_MS: '0',
    AUTH_URLS: auth.url,
    CATALOG_URLS: catalog.url,
    ORDERS_URLS: orders.url,
    NOTIFICATIONS_URLS: notifications.url,
  });
});

afterAll(async () => {
  await running.close();
  await Promise.all([tokens, ...Object.values(services)].map((each) => each.stop()));
});

beforeEach(() => {
  for (const service of Object.values(services)) service.seen.length = 0;
});

const get = (path: string, headers: Record<string, string> = {}) => fetch(running.url + path, { headers });
const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(running.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
const signedIn = () => ({ authorization: `Bearer ${token}` });
const keyed = () => ({ ...signedIn(), 'idempotency-key': 'attempt-0001' });

describe('products', () => {
  it('are for everybody, and show what the contract says and no more', async () => {
    services.catalog.says(200, { items: [{ ...product, supplier: 'secret' }], nextCursor: 'next', cost: 1 });
    const answer = await get('/v1/products?limit=1&cursor=abc&filter[name]=M%26');
    expect(answer.headers.get('link')).toBe(
      '</v1/products?limit=1&cursor=next&filter%5Bname%5D=M%26>; rel="next", </v2/products>; rel="successor-version"',
    );
    expect([answer.status, await answer.json()]).toEqual([200, { items: [product], nextCursor: 'next' }]);
    expect(services.catalog.last.path).toBe('/products?limit=1&cursor=abc&sort=name&filter%5Bname%5D=M%26');
  });

  it('are asked for in nobody’s name, whatever the client sends of itself: what is kept of them is nobody’s', async () => {
    services.catalog.says(200, product, { 'set-cookie': 'inside=1' });
    const answer = await get(`/v1/products/${id}`, { ...signedIn(), cookie: 'session=alice' });
    expect([answer.status, answer.headers.get('set-cookie')]).toEqual([200, null]);
    const { headers } = services.catalog.last;
    expect([headers.authorization, headers.cookie]).toEqual([undefined, undefined]);
  });

  it('pass on what catalog says no to', async () => {
    services.catalog.says(404, {
      type: 'urn:shop:problem:product-not-found',
      title: 'Not Found',
      status: 404,
      code: 'product-not-found',
    });
    const answer = await get(`/v1/products/${id}`);
    expect([answer.status, answer.headers.get('content-type'), await answer.json()]).toEqual([
      404,
      'application/problem+json; charset=utf-8',
      expect.objectContaining({
        code: 'product-not-found',
        traceId: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
      }),
    ]);
  });

  it.each([
    ['/v1/products?limit=0', '/query/limit'],
    ['/v1/products?limit=1e1', '/query/limit'],
    ['/v1/products?sort=stock', '/query/sort'],
    ['/v1/products?sort=name&sort=price', '/query/sort'],
    ['/v1/products?filter[colour]=red', '/query/filter[colour]'],
    ['/v1/products?filter[price][gte]=', '/query/filter[price][gte]'],
    ['/v1/products?filter[name]=%00', '/query/filter[name]'],
    ['/v1/products/mug', '/params/id'],
  ])('refuse %s and name %s', async (path, pointer) => {
    const answer = await get(path);
    expect([answer.status, await answer.json()]).toEqual([
      400,
      expect.objectContaining({ errors: [expect.objectContaining({ pointer })] }),
    ]);
    expect(services.catalog.seen).toEqual([]);
  });
});

describe('placing an order', () => {
  it('hands the key, the token and the body on, and the answer with its headers back', async () => {
    services.orders.says(201, order, {
      etag: '"1"',
      location: `/v1/orders/${id}`,
      'idempotency-replayed': 'true',
      'x-powered-by': 'inside',
    });
    const answer = await post('/v1/orders', wish, keyed());
    expect([answer.status, await answer.json()]).toEqual([201, order]);
    const sent = ['etag', 'location', 'idempotency-replayed', 'x-powered-by'].map((name) => answer.headers.get(name));
    expect(sent).toEqual(['"1"', `/v1/orders/${id}`, 'true', null]);
    const { headers, body } = services.orders.last;
    expect([headers['idempotency-key'], headers.authorization, JSON.parse(body)]).toEqual([
      'attempt-0001',
      `Bearer ${token}`,
      wish,
    ]);
  });

  it.each([
    ['a field that is unknown', { ...wish, coupon: 'x' }, '/coupon'],
    ['an unknown field in a line', { ...wish, lines: [{ ...wish.lines[0], price: 1 }] }, '/lines/0/price'],
    ['a quantity of none', { ...wish, lines: [{ productId: id, quantity: 0 }] }, '/lines/0/quantity'],
    ['a card number for a token', { ...wish, paymentToken: '4242424242424242' }, '/paymentToken'],
  ])('is refused with %s', async (_what, body, pointer) => {
    const answer = await post('/v1/orders', body, keyed());
    expect([answer.status, await answer.json()]).toEqual([
      400,
      expect.objectContaining({ errors: [expect.objectContaining({ pointer })] }),
    ]);
    expect(services.orders.seen).toEqual([]);
  });

  it('needs a key of its own', async () => {
    expect((await post('/v1/orders', wish, signedIn())).status).toBe(400);
  });

  it('passes Retry-After on when the same key is being worked on', async () => {
    const problem = { type: 'urn:shop:problem:key-in-use', title: 'Conflict', status: 409, code: 'key-in-use' };
    services.orders.says(409, problem, { 'retry-after': '1' });
    const answer = await post('/v1/orders', wish, keyed());
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([409, '1']);
  });
});

describe('cancelling an order', () => {
  it.each([
    ['without a body', undefined],
    ['with an empty object', '{}'],
  ])('works %s, and hands If-Match on', async (_how, body) => {
    services.orders.says(200, { ...order, status: 'cancelled', cancellation: 'customer', version: 2 }, { etag: '"2"' });
    const headers = { ...signedIn(), 'if-match': '"1"', ...(body && { 'content-type': 'application/json' }) };
    const answer = await fetch(`${running.url}/v1/orders/${id}/cancellation`, {
      method: 'POST',
      headers,
      ...(body && { body }),
    });
    expect([answer.status, answer.headers.get('etag')]).toEqual([200, '"2"']);
    expect(services.orders.last).toMatchObject({
      path: `/orders/${id}/cancellation`,
      headers: { 'if-match': '"1"' },
      body: '{}',
    });
  });
});

describe('the door', () => {
  it.each(['/v1/orders', `/v1/orders/${id}`, `/v1/orders/${id}/history`, '/v1/notifications'])(
    'keeps strangers out of %s',
    async (path) => {
      const reading = await tokens.token('openid');
      expect([(await get(path)).status, (await get(path, { authorization: `Bearer ${reading}` })).status]).toEqual([
        401, 403,
      ]);
      expect([...services.orders.seen, ...services.notifications.seen]).toEqual([]);
    },
  );

  it('does not let a token that may only read place an order', async () => {
    const reading = await tokens.token('orders:read');
    expect((await post('/v1/orders', wish, { ...keyed(), authorization: `Bearer ${reading}` })).status).toBe(403);
  });

  it('registers customers, and keeps what auth says of them to the contract', async () => {
    services.auth.says(201, { id, email: 'a@example.com', name: 'A', hash: 'secret' });
    const answer = await post('/v1/accounts', { email: 'a@example.com', password: 'long-enough-1', name: 'A' });
    expect([answer.status, await answer.json()]).toEqual([201, { id, email: 'a@example.com', name: 'A' }]);
  });

  it('turns a failure behind it into 503, without its words', async () => {
    services.catalog.says(500, { type: 'x', title: 'x', status: 500, code: 'x', detail: 'stack trace' });
    const answer = await get('/v1/products');
    expect([answer.status, answer.headers.get('retry-after'), await answer.text()]).toEqual([
      503,
      '1',
      expect.not.stringContaining('stack trace'),
    ]);
  });

  it('leads to nothing that only operators may do, whoever asks', async () => {
    const headers = { authorization: `Bearer ${await tokens.token('operations')}` };
    const paths = ['/operations/outbox', '/v1/operations/outbox', '/orders/operations/outbox'];
    expect(await Promise.all(paths.map(async (path) => (await get(path, headers)).status))).toEqual([404, 404, 404]);
    expect(Object.values(services).flatMap(({ seen }) => seen)).toEqual([]);
  });

  it('stays ready while everything behind it is silent', async () => {
    expect((await get('/health/ready')).status).toBe(200);
  });

  it('shows where to go', async () => {
    expect(await (await get('/')).json()).toMatchObject({ openapi: '/openapi.json', products: '/v2/products' });
  });
});

describe('what has been read already', () => {
  it.each([
    ['the very tag', '"3-abc"', 304],
    ['one of several', '"1", W/"3-abc"', 304],
    ['whatever there is', '*', 304],
    ['another version', '"2-abc"', 200],
  ])('is not sent again to who has %s', async (_what, known, status) => {
    services.catalog.says(200, product, { etag: '"3-abc"' });
    const answer = await get(`/v1/products/${id}`, { 'if-none-match': known });
    expect([answer.status, answer.headers.get('etag'), await answer.text()]).toEqual([
      status,
      '"3-abc"',
      status === 304 ? '' : JSON.stringify(product),
    ]);
  });
});

describe('what has been read already, asked for by HEAD', () => {
  it('is known, too', async () => {
    services.catalog.says(200, product, { etag: '"3-abc"' });
    const answer = await fetch(`${running.url}/v1/products/${id}`, {
      method: 'HEAD',
      headers: { 'if-none-match': '"1", "3-abc"' },
    });
    expect([answer.status, answer.headers.get('etag')]).toEqual([304, '"3-abc"']);
  });
});

describe('running the shop', () => {
  const record = {
    id,
    sku: 'MUG',
    name: 'Mug',
    description: '',
    price: 1,
    currency: 'EUR',
    active: true,
    version: 2,
    stock: { initial: 1, free: 1, reserved: 0, sold: 0 },
  };
  const lamp = { sku: 'LAMP', name: 'Lamp', description: '', price: 4900, currency: 'EUR', stock: 5 };
  const admin = async () => ({
    authorization: `Bearer ${await tokens.token('products:write', ['customer', 'admin'])}`,
  });
  const patch = (body: unknown, headers: Record<string, string>) =>
    fetch(`${running.url}/v1/products/${id}`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/merge-patch+json', ...headers },
      body: JSON.stringify(body),
    });

  it.each([
    ['products:write', ['customer', 'support'], 'role-missing'],
    ['orders:write', ['customer', 'admin'], 'insufficient-scope'],
  ])('is for admins, by a program that they let do it: not by %s of %j', async (scope, roles, code) => {
    const asker = { authorization: `Bearer ${await tokens.token(scope, roles)}` };
    const once = { ...asker, 'idempotency-key': 'attempt-0001' };
    const asked = [
      post('/v1/products', lamp, once),
      patch({ price: 1 }, { ...asker, 'if-match': '"1"' }),
      post(`/v1/products/${id}/restock`, { quantity: 1 }, once),
      get(`/v1/products/${id}/record`, asker),
    ];
    for (const answer of await Promise.all(asked))
      expect([answer.status, await answer.json()]).toEqual([403, expect.objectContaining({ code })]);
    expect((await post('/v1/products', lamp)).status).toBe(401);
    expect(services.catalog.seen).toEqual([]);
  });

  it('is for admins who signed in with a second factor: without, the answer says what is missing', async () => {
    const authorization = `Bearer ${await tokens.token('orders:write', ['customer'], '5m', { withheld_roles: ['admin'] })}`;
    const answer = await post('/v1/products', lamp, { authorization, 'idempotency-key': 'attempt-0001' });
    expect([answer.status, await answer.json(), answer.headers.get('www-authenticate')]).toEqual([
      403,
      expect.objectContaining({ code: 'second-factor-required' }),
      expect.stringContaining('insufficient_user_authentication'),
    ]);
    expect(services.catalog.seen).toEqual([]);
  });

  it('adds a product: its place and its tag come back', async () => {
    services.catalog.says(201, record, { location: `/v1/products/${id}`, etag: '"1-x"' });
    const answer = await post('/v1/products', lamp, { ...(await admin()), 'idempotency-key': 'attempt-0002' });
    expect([answer.status, answer.headers.get('location'), answer.headers.get('etag')]).toEqual([
      201,
      `/v1/products/${id}`,
      '"1-x"',
    ]);
    expect(JSON.parse(services.catalog.last.body)).toEqual(lamp);
  });

  it('changes one by a merge patch of the version that was seen', async () => {
    services.catalog.says(200, record, { etag: '"3-x"' });
    expect((await patch({ price: 5 }, { ...(await admin()), 'if-match': '"1", W/"3", "2-abc"' })).status).toBe(200);
    expect(services.catalog.last).toMatchObject({
      method: 'PATCH',
      body: '{"price":5}',
      headers: { 'if-match': '"1", "2"', 'content-type': 'application/merge-patch+json' },
    });
  });

  it.each<[string, unknown, Record<string, string>, number, string]>([
    ['without If-Match', { price: 5 }, {}, 428, 'if-match-required'],
    ['with a weak tag', { price: 5 }, { 'if-match': 'W/"2"' }, 400, 'validation-failed'],
    ['that removes what there has to be', { price: null }, { 'if-match': '"2"' }, 400, 'validation-failed'],
    ['of its sku', { sku: 'X' }, { 'if-match': '"2"' }, 400, 'validation-failed'],
    [
      'in plain JSON',
      { price: 5 },
      { 'if-match': '"2"', 'content-type': 'application/json' },
      415,
      'unsupported-media-type',
    ],
  ])('refuses a change %s', async (_what, body, headers, status, code) => {
    const answer = await patch(body, { ...(await admin()), ...headers });
    expect([answer.status, await answer.json()]).toEqual([status, expect.objectContaining({ code })]);
    expect(services.catalog.seen).toEqual([]);
  });
});
