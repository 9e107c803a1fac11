import { runService, type RunningService } from '@shop/platform';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { fakeIssuer, FakeService } from '../services.fixture.ts';
import { gateway } from '../service.ts';

const issuer = 'http://shop.example/oidc';
let behind: FakeService;
let tokens: Awaited<ReturnType<typeof fakeIssuer>>;
let service: RunningService;

beforeAll(async () => {
  [behind, tokens] = await Promise.all([FakeService.start(), fakeIssuer(issuer)]);
  const urls = {
    AUTH_URLS: behind.url,
    CATALOG_URLS: behind.url,
    ORDERS_URLS: behind.url,
    NOTIFICATIONS_URLS: behind.url,
  };
  service = await runService(gateway, {
    ISSUER: issuer,
    JWKS_URL: tokens.jwksUrl,
    LOG_LEVEL: 'silent',
    SHED_LOOP_DELAY_MS: '0',
    ...urls,
    RATE_LIMITS: 'read.address=10000/86400',
  });
});
afterEach(() => void (behind.seen.length = 0));
afterAll(() => Promise.all([service.close(), behind.stop(), tokens.stop()]));

const ask = (path: string, headers: Record<string, string> = {}) => fetch(service.url + path, { headers });
const page = { items: [], nextCursor: 'next' };
const said = (response: Response, ...names: string[]) => names.map((name) => response.headers.get(name));

it('what everybody gets is given again as it was, counted against the limits, and told from the first time', async () => {
  behind.says(200, page);
  const [first, second] = [await ask('/v1/products?limit=3'), await ask('/v1/products?limit=3')];
  expect(behind.seen).toHaveLength(1);
  expect(await second.text()).toBe(await first.text());
  const same = ['content-type', 'etag', 'cache-control', 'link', 'deprecation', 'sunset', 'x-content-type-options'];
  expect(said(second, ...same)).toEqual(said(first, ...same));
  expect(said(second, 'link')[0]?.match(/successor-version/g)).toHaveLength(1);
  expect(said(second, 'cache-status', 'age')).toEqual(['gateway; hit; detail=process', '0']);
  const left = (response: Response) => Number(/r=(\d+)/.exec(response.headers.get('ratelimit') ?? '')?.[1]);
  expect(left(second)).toBe(left(first) - 1);
});

it('whoever has it gets no body again', async () => {
  behind.says(200, page);
  const etag = (await ask('/v2/products')).headers.get('etag') ?? '';
  const again = await ask('/v2/products', { 'if-none-match': etag });
  expect([again.status, await again.text(), ...said(again, 'etag', 'cache-status')]).toEqual([
    304,
    '',
    etag,
    'gateway; hit; detail=process',
  ]);
});

it('when it is no longer fresh one goes to look, and the others do not wait for that', {
  timeout: 20_000,
}, async () => {
  behind.says(200, page);
  const several = () =>
    Promise.all(
      Array.from({ length: 10 }, async () => said(await ask('/v1/products?limit=8'), 'cache-status')[0] ?? ''),
    );
  const looked = (statuses: string[]) => statuses.filter((status) => status.includes('fwd')).length;
  await ask('/v1/products?limit=8');
  // Its freshness, by the cache's own rule, is 2 s at most.
  await expect.poll(async () => looked(await several()), { timeout: 10_000, interval: 100 }).toBe(1);
  expect([looked(await several()), behind.seen.length]).toEqual([0, 2]);
});

it('what is no more is not given again', { timeout: 20_000 }, async () => {
  const path = '/v1/products/0198c0de-0000-7000-8000-000000000001';
  behind.says(200, {
    id: path.slice(-36),
    name: 'Mug',
    price: { amount: 1, currency: 'EUR' },
    onSale: true,
    version: 1,
    stock: 1,
  });
  await ask(path);
  behind.says(404, {
    type: 'urn:shop:problem:product-not-found',
    title: 'Not Found',
    status: 404,
    code: 'product-not-found',
  });
  await expect.poll(async () => (await ask(path)).status, { timeout: 15_000, interval: 50 }).toBe(404);
  expect((await ask(path)).status).toBe(404);
});

it('a client that takes no JSON is refused as ever, and a refusal is not given again', async () => {
  behind.says(200, page);
  await ask('/v1/products?limit=4');
  expect((await ask('/v1/products?limit=4', { accept: 'text/html' })).status).toBe(406);
  behind.says(500, {});
  const statuses = [(await ask('/v1/products?limit=5')).status, (await ask('/v1/products?limit=5')).status];
  behind.says(200, page);
  expect([statuses.every((status) => status >= 500), (await ask('/v1/products?limit=5')).status]).toEqual([true, 200]);
});

it('what only one may see is asked for each time', async () => {
  behind.says(200, { items: [] });
  const headers = { authorization: `Bearer ${await tokens.token('orders:read')}` };
  for (let time = 0; time < 3; time++) await ask('/v1/orders', headers);
  expect(behind.seen).toHaveLength(3);
});
