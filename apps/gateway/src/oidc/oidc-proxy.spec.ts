import { createServer, type AddressInfo } from 'node:net';
import { runService, type RunningService } from '@shop/platform';
import { request } from 'undici';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FakeService } from '../services.fixture.ts';
import { gateway } from '../service.ts';

let auth: FakeService;
let running: RunningService;

function gatewayTo(settings: Record<string, string>, ...authUrls: string[]): Promise<RunningService> {
  const elsewhere = 'http://127.0.0.1:1';
  return runService(gateway, {
    ISSUER: 'https://127.0.0.1:8443/oidc',
    PUBLIC_HOSTS: 'shop.example, gateway',
    JWKS_URL: elsewhere,
    LOG_LEVEL: 'silent',
    SHED_LOOP_DELAY_MS: '0',
    AUTH_URLS: authUrls.join(),
    CATALOG_URLS: elsewhere,
    ORDERS_URLS: elsewhere,
    NOTIFICATIONS_URLS: elsewhere,
    ...settings,
  });
}

beforeAll(async () => {
  auth = await FakeService.start();
  running = await gatewayTo({}, auth.url);
});

afterAll(async () => {
  await running.close();
  await auth.stop();
});

beforeEach(() => {
  auth.seen.length = 0;
});

async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const ask = (path: string, init: RequestInit = {}, { url } = running) =>
  fetch(url + path, { redirect: 'manual', ...init });
/** As a browser does that knows us by this name, which fetch does not let one say. */
const askAs = (host: string, path: string, { method = 'GET', cookie }: { method?: string; cookie?: string } = {}) =>
  request(running.url + path, { method: method as 'GET', headers: { host, ...(cookie !== undefined && { cookie }) } });

describe('pages of other sites', () => {
  const page = 'https://pages.example';
  const corsOf = ({ headers }: Response) =>
    [...headers]
      .filter(([name]) => name.startsWith('access-control-') || name === 'vary')
      .map(([name, value]) => `${name}: ${value}`);
  /** As the library answers a page of any site. */
  const anybody = {
    vary: 'Origin',
    'access-control-allow-origin': page,
    'access-control-expose-headers': 'WWW-Authenticate',
    'access-control-allow-credentials': 'true',
  };
  let listed: RunningService;
  beforeAll(async () => void (listed = await gatewayTo({ CORS_ORIGINS: page }, auth.url)));
  afterAll(() => listed.close());

  it('may read what OpenID Connect says by the list only, whatever the library would let them', async () => {
    auth.says(200, {}, anybody);
    for (const [origin, to] of [
      [page, running],
      ['https://evil.example', running],
      ['https://evil.example', listed],
    ] as const) {
      for (const path of ['/oidc/.well-known/openid-configuration', '/oidc/jwks', '/oidc/token']) {
        const method = path === '/oidc/token' ? 'POST' : 'GET';
        const answers = [
          await ask(path, { method, headers: { origin } }, to),
          await ask(path, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': method } }, to),
        ];
        for (const answer of answers)
          expect({ path, cors: corsOf(answer).filter((header) => !header.startsWith('vary')) }).toEqual({
            path,
            cors: [],
          });
      }
    }
  });

  it('that are listed may, and get tokens; never with cookies', async () => {
    auth.says(200, {}, anybody);
    const preflight = await ask(
      '/oidc/token',
      { method: 'OPTIONS', headers: { origin: page, 'access-control-request-method': 'POST' } },
      listed,
    );
    expect([
      preflight.status,
      preflight.headers.get('access-control-allow-origin'),
      preflight.headers.get('access-control-allow-methods'),
    ]).toEqual([204, page, expect.stringContaining('POST')]);
    expect(auth.seen).toEqual([]);
    const granted = await ask('/oidc/token', { method: 'POST', headers: { origin: page } }, listed);
    expect(corsOf(granted)).toEqual([
      `access-control-allow-origin: ${page}`,
      expect.stringContaining('access-control-expose-headers: age'),
      'vary: Origin',
    ]);
    // The library knows no list, and refuses every page that says where it is from.
    expect(auth.last.headers.origin).toBeUndefined();
    await ask('/oidc/token', { method: 'POST', headers: { origin: 'https://evil.example' } }, listed);
    expect(auth.last.headers.origin).toBe('https://evil.example');
    await ask('/oidc/interaction/abc', { method: 'POST', headers: { origin: page } }, listed);
    expect(auth.last.headers.origin).toBe(page);
  });
});

describe('/oidc', () => {
  it('leaves cookies, redirects and queries as they are', async () => {
    auth.answer = (_seen, response) =>
      void response
        .writeHead(303, {
          location: 'http://127.0.0.1:4711/callback?code=1',
          'set-cookie': ['a=1; Path=/oidc; HttpOnly', 'b=2'],
        })
        .end();
    const answer = await ask('/oidc/auth?client_id=shop-cli&scope=openid%20offline_access', {
      headers: { cookie: 'a=0' },
    });
    expect([answer.status, answer.headers.get('location'), answer.headers.getSetCookie()]).toEqual([
      303,
      'http://127.0.0.1:4711/callback?code=1',
      ['a=1; Path=/oidc; HttpOnly', 'b=2'],
    ]);
    expect(auth.last).toMatchObject({
      path: '/oidc/auth?client_id=shop-cli&scope=openid%20offline_access',
      headers: { cookie: 'a=0' },
    });
  });

  it('passes forms on byte by byte, also when the instance whose turn it is refuses the connection', async () => {
    auth.says(200, { access_token: 'x' });
    const another = await gatewayTo({}, `http://127.0.0.1:${await closedPort()}`, auth.url);
    const form = `grant_type=authorization_code&code=${'c'.repeat(30_000)}`;
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const answers = [];
    for (let turn = 0; turn < 3; turn++)
      answers.push(await ask('/oidc/token', { method: 'POST', headers, body: form }, another));
    await another.close();
    expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200]);
    expect(auth.seen.map((seen) => [seen.body === form, seen.headers['content-type']])).toEqual(
      Array(3).fill([true, headers['content-type']]),
    );
  });

  it.each<[string, string, Uint8Array<ArrayBuffer> | string, number, string]>([
    [
      'in Latin-1 by its own word',
      'application/x-www-form-urlencoded; charset=iso-8859-1',
      'password=caf%C3%A9',
      415,
      'unsupported-media-type',
    ],
    ['percent-encoded from Latin-1', 'application/x-www-form-urlencoded', 'password=caf%E9', 400, 'malformed-form'],
    [
      'of bytes that are no UTF-8',
      'application/x-www-form-urlencoded',
      Uint8Array.from(Buffer.from('password=café', 'latin1')),
      400,
      'malformed-form',
    ],
    [
      'that is longer than any',
      'application/x-www-form-urlencoded',
      `password=${'a'.repeat(70_000)}`,
      413,
      'body-too-large',
    ],
  ])(
    'passes on no form %s: whoever sent it could not sign in with what was stored',
    async (_what, type, body, status, code) => {
      auth.says(200, {});
      const answer = await ask('/oidc/interaction/abc', { method: 'POST', headers: { 'content-type': type }, body });
      expect([answer.status, await answer.json(), auth.seen]).toEqual([status, expect.objectContaining({ code }), []]);
    },
  );

  it('passes on a form of any characters, and of percent signs that encode nothing', async () => {
    auth.says(200, {});
    const body = 'password=100%+caf%C3%A9+%F0%9F%98%80';
    expect(
      (
        await ask('/oidc/interaction/abc', {
          method: 'POST',
          headers: { 'content-type': 'application/x-www-form-urlencoded;charset=UTF-8' },
          body,
        })
      ).status,
    ).toBe(200);
    expect(auth.last.body).toBe(body);
  });

  it.each([
    ['GET', '/oidc/auth?client_id=shop-cli&state=%2F%2Fevil.example'],
    ['POST', '/oidc/auth'],
    ['GET', '/oidc/interaction/abc'],
    ['GET', '/oidc/password'],
    ['GET', '/oidc/session/end?id_token_hint=x'],
  ])(
    'sends a browser that begins under another name to the issuer first, where its cookies will be: %s %s',
    async (method, path) => {
      auth.says(200, {});
      for (const host of ['localhost:8443', 'shop.example', '[::1]:3000']) {
        const { statusCode, headers } = await askAs(host, path, { method });
        expect([statusCode, headers['location']]).toEqual([307, `https://127.0.0.1:8443${path}`]);
        expect(headers['set-cookie']).toBe(
          '__Secure-shop_moved=1; Path=/oidc; Max-Age=5; HttpOnly; SameSite=Lax; Secure',
        );
      }
      expect(auth.seen).toEqual([]);
      for (const host of ['127.0.0.1:8443', '127.0.0.1:3000', '127.0.0.1'])
        expect((await askAs(host, path, { method })).statusCode).toBe(200);
    },
  );

  it('sends nobody round and round behind a proxy that gives us a name of its own', async () => {
    auth.says(200, {});
    const { statusCode, headers } = await askAs('gateway:3000', '/oidc/auth');
    expect(statusCode).toBe(307);
    const [cookie] = String(headers['set-cookie']).split(';');
    expect((await askAs('gateway:3000', '/oidc/auth', { cookie: cookie! })).statusCode).toBe(200);
  });

  it.each(['/oidc/.well-known/openid-configuration', '/oidc/jwks'])(
    'answers programs under any name: %s',
    async (path) => {
      auth.says(200, {});
      expect((await askAs('gateway:3000', path)).statusCode).toBe(200);
    },
  );

  it('says 503 and when to come back while no instance can be reached', async () => {
    const lonely = await gatewayTo({}, `http://127.0.0.1:${await closedPort()}`);
    const answer = await ask('/oidc/jwks', {}, lonely);
    await lonely.close();
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
  });

  it('says who asks, and by which address the world knows the shop, whatever the caller claims', async () => {
    auth.says(200, {});
    const claimed = {
      'x-forwarded-for': '8.8.8.8',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'gopher',
      forwarded: 'for=8.8.8.8',
    };
    await ask('/oidc/.well-known/openid-configuration', { headers: { ...claimed, 'x-request-budget-ms': '1' } });
    const { headers } = auth.last;
    expect(headers).toMatchObject({
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-host': '127.0.0.1:8443',
      'x-forwarded-proto': 'https',
    });
    expect([headers.forwarded, headers.host]).toEqual([undefined, new URL(auth.url).host]);
    expect(Number(headers['x-request-budget-ms'])).toBeGreaterThan(1_000);
  });

  it('keeps what is about one connection to that connection', async () => {
    auth.answer = (_seen, response) =>
      void response.writeHead(200, { connection: 'close, x-hop', 'x-hop': '1', 'x-end': '1' }).end('ok');
    const answer = await ask('/oidc/jwks', { headers: { te: 'trailers' } });
    expect([answer.headers.get('x-hop'), answer.headers.get('x-end'), auth.last.headers.te]).toEqual([
      null,
      '1',
      undefined,
    ]);
  });

  it('gives the gateway problem when auth breaks off', async () => {
    auth.answer = (_seen, response) => void response.destroy();
    const answer = await ask('/oidc/jwks');
    expect([answer.status, answer.headers.get('content-type'), await answer.json()]).toEqual([
      502,
      'application/problem+json; charset=utf-8',
      expect.objectContaining({ code: 'upstream-broken', status: 502 }),
    ]);
  });

  it('waits no longer than a request may take, even in a queue for a connection', async () => {
    const silent = await FakeService.start();
    silent.answer = () => undefined;
    const hurried = await gatewayTo({ REQUEST_BUDGET_MS: '400' }, silent.url);
    const began = performance.now();
    const statuses = await Promise.all(
      Array.from({ length: 70 }, async () => (await ask('/oidc/token', {}, hurried)).status),
    );
    const took = performance.now() - began;
    await hurried.close();
    await silent.stop();
    expect([new Set(statuses), took < 3_000]).toEqual([new Set([504]), true]);
  });

  it('does not reach what lies beside it', async () => {
    auth.says(200, {});
    expect([(await ask('/oidcx')).status, (await ask('/accounts/1')).status]).toEqual([404, 404]);
    expect(auth.seen).toEqual([]);
  });
});
