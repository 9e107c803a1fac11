import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startEdge } from './edge.fixture.ts';
import { byBytes } from './services.fixture.ts';

const id = '0198c0de-0000-7000-8000-000000000001';
let edge: Awaited<ReturnType<typeof startEdge>>;
let token: string;
beforeAll(async () => {
  edge = await startEdge();
  token = await edge.token('orders:read orders:write', ['customer', 'admin']);
});
afterAll(() => edge.stop());
beforeEach(() => {
  for (const service of Object.values(edge.services)) service.seen.length = 0;
});

/** Each byte of each segment but the first percent-encoded: the same path (RFC 3986, 6.2.2.2). */
const encoded = (path: string) =>
  path.replace(/[a-z]/gi, (letter, at: number) => (at % 2 === 0 ? letter : `%${letter.charCodeAt(0).toString(16)}`));
const spellings: [string, (path: string) => string][] = [
  ['percent-encoded', encoded],
  ['percent-encoded in capitals', (path) => encoded(path).replace(/%../g, (escape) => escape.toUpperCase())],
  ['in absolute form', (path) => `http://127.0.0.1${path}`],
  ['in absolute form, percent-encoded', (path) => `HTTP://127.0.0.1${encoded(path)}`],
];
const others: [string, (path: string) => string][] = [
  ['with a doubled slash', (path) => `/${path}`],
  ['with a doubled slash within', (path) => path.replace(/\/(?=[^/]+$)/, '//')],
  ['with a trailing slash', (path) => `${path}/`],
];

interface Decided {
  readonly status: number;
  readonly policy: string;
  readonly deprecation: boolean;
  readonly successor: string;
  readonly cached: string;
  readonly code: string;
  readonly instance: string;
  readonly asked: readonly string[];
}

/** What limits, versions, cache, shedding, tokens and services behind made of one request. */
async function decided(method: string, target: string, headers: Record<string, string> = {}): Promise<Decided> {
  for (const service of Object.values(edge.services)) service.seen.length = 0;
  const answer = await byBytes(edge.url, method, target, headers);
  const problem = (answer.type.includes('json') && answer.body !== '' ? JSON.parse(answer.body) : {}) as {
    code?: string;
    instance?: string;
  };
  return {
    status: answer.status,
    policy: answer.headers['ratelimit-policy']?.toString() ?? '',
    deprecation: answer.headers['deprecation'] !== undefined,
    successor: answer.headers['link']?.toString() ?? '',
    cached: answer.headers['cache-status']?.toString() ?? '',
    code: problem.code ?? '',
    instance: problem.instance ?? '',
    asked: Object.values(edge.services).flatMap(({ seen }) => seen.map(({ method: by, path }) => `${by} ${path}`)),
  };
}

/** Every route, with an id where it takes one. */
const targets = () =>
  edge.routes
    .filter(({ method, url }) => !(method === 'OPTIONS' || (url === '/oidc/*' && method === 'HEAD')))
    .map(
      ({ method, url }) =>
        [
          method,
          url
            .replace(':id', id)
            .replace(/:[^/]+/, 'abc')
            .replace('*', 'jwks'),
        ] as const,
    );

describe('one route is one thing, however it is spelled', () => {
  it('to limits, versions, caches, tokens and the services behind', async () => {
    for (const [method, path] of targets()) {
      // The first fills what is kept, so that the second meets what any other would.
      await decided(method, path);
      const plain = await decided(method, path);
      for (const [how, spell] of spellings)
        expect({ how, path, ...(await decided(method, spell(path))) }).toEqual({ how, path, ...plain });
    }
  });

  it('to those who have a token', async () => {
    const headers = { authorization: `Bearer ${token}` };
    for (const [method, path] of targets().filter(([method]) => method === 'GET')) {
      await decided(method, path, headers);
      const plain = await decided(method, path, headers);
      for (const [how, spell] of spellings)
        expect({ how, path, ...(await decided(method, spell(path), headers)) }).toEqual({ how, path, ...plain });
    }
  });

  it('and to what sheds load', async () => {
    const { orders } = edge.services;
    orders.says(503, { type: 'about:blank', title: 'x', status: 503, code: 'overloaded' });
    const headers = { authorization: `Bearer ${token}` };
    for (let n = 0; n < 30; n++) await decided('GET', '/v2/orders', headers);
    const held: (() => void)[] = [];
    orders.answer = (_seen, response) =>
      void held.push(() => response.writeHead(200, { 'content-type': 'application/json' }).end('{"items":[]}'));
    const under = Array.from({ length: 8 }, () => byBytes(edge.url, 'GET', '/v2/orders', headers));
    await expect.poll(() => held.length).toBe(8);
    const full = targets().filter(([, path]) => /^\/v\d\/orders/.test(path));
    for (const [method, path] of full) {
      for (const [how, spell] of spellings)
        expect({ how, path, ...(await decided(method, spell(path), headers)) }).toMatchObject({
          how,
          path,
          status: 503,
          code: 'overloaded',
          asked: [],
        });
    }
    for (const end of held) end();
    await Promise.all(under);
  });
});

describe('what the router does not know is nothing, to everybody', () => {
  it('with a doubled or a trailing slash', async () => {
    for (const [method, path] of targets().filter(([, path]) => path !== '/')) {
      for (const [how, spell] of others) {
        expect({ how, path, ...(await decided(method, spell(path))) }).toMatchObject({
          how,
          path,
          status: 404,
          code: 'unknown-path',
          policy: '',
          cached: '',
          asked: [],
        });
      }
    }
  });

  it('and a method that a path has not is refused however it is spelled', async () => {
    for (const [, spell] of spellings)
      expect(await decided('DELETE', spell('/v2/products'))).toMatchObject({ status: 405, code: 'method-not-allowed' });
  });
});
