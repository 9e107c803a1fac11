import { runService, type RunningService } from '@shop/platform';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { fakeIssuer, FakeService } from '../services.fixture.ts';
import { gateway } from '../service.ts';

const issuer = 'http://shop.example/oidc';
let behind: FakeService;
let tokens: Awaited<ReturnType<typeof fakeIssuer>>;
const running: RunningService[] = [];

beforeAll(async () => {
  [behind, tokens] = await Promise.all([FakeService.start(), fakeIssuer(issuer)]);
  behind.says(200, { items: [] });
});
afterEach(async () => void (await Promise.all(running.splice(0).map((each) => each.close()))));
afterAll(() => Promise.all([behind.stop(), tokens.stop()]));

/** A gateway that takes this much. */
async function door(
  RATE_LIMITS: string,
  more: Record<string, string> = {},
): Promise<(path: string, init?: RequestInit) => Promise<Response>> {
  const urls = {
    AUTH_URLS: behind.url,
    CATALOG_URLS: behind.url,
    ORDERS_URLS: behind.url,
    NOTIFICATIONS_URLS: behind.url,
  };
  const service = await runService(gateway, {
    ISSUER: issuer,
    JWKS_URL: tokens.jwksUrl,
    LOG_LEVEL: 'silent',
    SHED_LOOP_DELAY_MS: '0',
    ...urls,
    RATE_LIMITS,
    ...more,
  });
  running.push(service);
  return (path, init) => fetch(service.url + path, init);
}

const statuses = async (ask: () => Promise<Response>, times: number) => {
  const all = [];
  for (let n = 0; n < times; n++) all.push((await ask()).status);
  return all;
};

describe('the limits of the door', () => {
  it('tell what is left, and refuse what is too much as a problem that says when to come again', async () => {
    const ask = await door('read.address=2/60');
    const first = await ask('/v1/products');
    expect([first.headers.get('ratelimit-policy'), first.headers.get('ratelimit')]).toEqual([
      '"read-address";q=2;w=60',
      '"read-address";r=1;t=30',
    ]);
    await ask('/v1/products');
    const refused = await ask('/v1/products');
    expect([refused.status, refused.headers.get('content-type'), await refused.json()]).toMatchObject([
      429,
      'application/problem+json; charset=utf-8',
      { code: 'rate-limited', instance: '/v1/products' },
    ]);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(20);
    expect(refused.headers.get('ratelimit')).toMatch(/^"read-address";r=0;t=\d+$/);
  });

  it('count classes of routes apart, and OpenID Connect too; health is never counted', async () => {
    const ask = await door('*.address=1/60');
    expect(await statuses(() => ask('/v1/products'), 2)).toEqual([200, 429]);
    expect(await statuses(() => ask('/oidc/token', { method: 'POST' }), 2)).toEqual([200, 429]);
    expect(await statuses(() => ask('/v1/accounts', { method: 'POST' }), 2)).toEqual([expect.any(Number), 429]);
    expect(await statuses(() => ask('/health/ready'), 5)).toEqual([200, 200, 200, 200, 200]);
  });

  it('count requests for authorization apart from what is only read, however they are spelled', async () => {
    // Of another name a browser would be sent to the issuer first.
    const ask = await door('authorization.address=2/60', { ISSUER: 'http://127.0.0.1/oidc' });
    const paths = ['/oidc/auth?client_id=a', '/oidc/%61uth?client_id=b', '/oidc/auth'];
    const asked = [];
    for (const path of paths) asked.push((await ask(path)).status);
    expect([...asked, (await ask('/oidc/auth', { method: 'HEAD' })).status, (await ask('/oidc/jwks')).status]).toEqual([
      200, 200, 429, 429, 200,
    ]);
    behind.seen.length = 0;
    // The library behind takes these for /oidc/auth.
    expect([
      (await ask('/oidc/AUTH')).status,
      (await ask('/oidc/auth/')).status,
      (await ask('/oidc/Auth/')).status,
      behind.seen,
    ]).toEqual([404, 404, 404, []]);
  });

  it('ask nobody for what they refuse', async () => {
    const ask = await door('read.address=1/60');
    await ask('/v1/products');
    behind.seen.length = 0;
    expect(await statuses(() => ask('/v1/products?limit=7'), 3)).toEqual([429, 429, 429]);
    expect(behind.seen).toEqual([]);
  });

  it('believe no header about where a request comes from, unless a proxy is named', async () => {
    const from = (address: string) => ({ headers: { 'x-forwarded-for': address } });
    const ask = await door('read.address=1/60');
    expect([
      (await ask('/v1/products', from('203.0.113.1'))).status,
      (await ask('/v1/products', from('203.0.113.2'))).status,
    ]).toEqual([200, 429]);
    const behindProxy = await door('read.address=1/60', { TRUST_PROXY: '127.0.0.1' });
    expect([
      (await behindProxy('/v1/products', from('203.0.113.1'))).status,
      (await behindProxy('/v1/products', from('203.0.113.2'))).status,
    ]).toEqual([200, 200]);
  });

  it('count a user by what a verified token says, its first request included, and never by a forged one', async () => {
    const ask = await door('read.user=2/60');
    const headers = { authorization: `Bearer ${await tokens.token('orders:read')}` };
    const forged = { authorization: `Bearer ${(await tokens.token('orders:read')).slice(0, -8)}AAAAAAAA` };
    expect(await statuses(() => ask('/v1/products', { headers: forged }), 4)).toEqual([200, 200, 200, 200]);
    expect(await statuses(() => ask('/v1/products', { headers }), 3)).toEqual([200, 200, 429]);
    const another = { authorization: `Bearer ${await tokens.token('openid')}` };
    expect(await statuses(() => ask('/v1/products', { headers: another }), 1)).toEqual([429]);
  });

  it('are off where the settings say so', async () => {
    const ask = await door('off');
    expect((await ask('/v1/products')).headers.get('ratelimit')).toBeNull();
  });
});
