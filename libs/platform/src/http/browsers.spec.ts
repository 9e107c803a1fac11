import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runService, type RunningService } from '../service/run-service.ts';
import { edge, startIssuer } from '../service/tiny.fixture.ts';

const issuer = await startIssuer();
const page = 'https://pages.example';
let closed: RunningService;
let listed: RunningService;
beforeAll(async () => {
  [closed, listed] = await Promise.all([
    runService(edge, issuer.env('hi')),
    runService(edge, { ...issuer.env('hi'), CORS_ORIGINS: `${page}, https://other.example:8443` }),
  ]);
});
afterAll(async () => {
  await Promise.all([closed.close(), listed.close()]);
  issuer.close();
});

const headersOf = (response: Response, ...names: string[]) => names.map((name) => response.headers.get(name));

/** A policy, by the name of each directive. */
const directives = (policy: string | null) =>
  Object.fromEntries(
    (policy ?? '').split(/; */).map((each) => [each.split(' ')[0] ?? '', each.split(' ').slice(1).join(' ')]),
  );

describe('every answer to a stranger', () => {
  const json = { 'content-type': 'application/json' };
  const ask = (path: string, init: RequestInit = {}) => fetch(closed.url + path, init);
  const answers: [string, () => Promise<Response>, number][] = [
    ['that is fine', () => ask('/things'), 200],
    ['to a body that is wrong', () => ask('/things', { method: 'POST', body: '{', headers: json }), 400],
    ['without a token', () => ask('/things/mine'), 401],
    ['at no path', () => ask('/nothing'), 404],
    ['to a wrong method', () => ask('/things', { method: 'DELETE' }), 405],
    [
      'to a body that is too large',
      () => ask('/things', { method: 'POST', body: 'x'.repeat(70_000), headers: json }),
      413,
    ],
    ['to a URL that is too long', () => ask(`/things/${'a'.repeat(500)}`), 414],
    ['to a URL that cannot be decoded', () => ask('/%zz'), 400],
    [
      'to another language',
      () => ask('/things', { method: 'POST', body: 'a', headers: { 'content-type': 'text/plain' } }),
      415,
    ],
    ['about a bug', () => ask('/things/bug'), 500],
  ];

  it.each(answers)(
    '%s is not sniffed, not framed, runs nothing of others and is kept by nobody',
    async (_which, get, status) => {
      const answer = await get();
      expect(answer.status).toBe(status);
      expect(headersOf(answer, 'x-content-type-options', 'cache-control')).toEqual(['nosniff', 'no-store']);
      expect(answer.headers.get('content-type')).toMatch(/^application\/(problem\+)?json(;|$)/);
      const policy = directives(answer.headers.get('content-security-policy'));
      for (const name of ['default-src', 'frame-ancestors']) expect(["'self'", "'none'"]).toContain(policy[name]);
      for (const [name, least] of [
        ['script-src', "'self'"],
        ['object-src', "'none'"],
        ['base-uri', "'self'"],
      ] as const)
        expect([least, "'none'"]).toContain(policy[name] ?? policy['default-src']);
      expect(answer.headers.get('referrer-policy')).toBe('no-referrer');
      expect(headersOf(answer, 'x-powered-by', 'server')).toEqual([null, null]);
    },
  );

  it('to what is not even HTTP is guarded, too', async () => {
    const socket = connect(Number(new URL(closed.url).port), '127.0.0.1', () => socket.write('NONSENSE\r\n\r\n'));
    const answer = (await socket.setEncoding('utf8').toArray()).join('').toLowerCase();
    for (const header of [
      'x-content-type-options: nosniff',
      'cache-control: no-store',
      "content-security-policy: default-src 'none'",
    ])
      expect(answer).toContain(header);
  });

  it('who is known is private, and kept by nobody', async () => {
    const answer = await ask('/things/mine', {
      headers: { authorization: `Bearer ${await issuer.token('things:read')}` },
    });
    expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, 'private, no-store']);
  });
});

describe('a page of another site', () => {
  const preflight = (service: RunningService, path: string, origin: string, method = 'POST') =>
    fetch(service.url + path, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': method, 'access-control-request-headers': 'authorization' },
    });

  it('may call nothing unless it is listed: no header lets its browser read the answer', async () => {
    for (const [service, origin] of [
      [closed, page],
      [listed, 'https://evil.example'],
      [listed, 'https://pages.example.evil.example'],
      [listed, 'null'],
    ] as const) {
      const [asked, told] = [
        await preflight(service, '/things', origin),
        await fetch(`${service.url}/things`, { headers: { origin } }),
      ];
      expect([asked.status, ...headersOf(asked, 'access-control-allow-origin')]).toEqual([204, null]);
      expect([told.status, ...headersOf(told, 'access-control-allow-origin')]).toEqual([200, null]);
    }
  });

  it('that is listed is told what a path takes, and never that it may send cookies', async () => {
    const answer = await preflight(listed, '/things', page);
    expect([answer.status, await answer.text()]).toEqual([204, '']);
    expect(
      headersOf(answer, 'access-control-allow-origin', 'access-control-allow-methods', 'access-control-max-age'),
    ).toEqual([page, 'GET, HEAD, POST', '600']);
    expect(answer.headers.get('access-control-allow-headers')).toContain('authorization');
    expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
  });

  it('that is listed can read answers, refusals too', async () => {
    for (const path of ['/things', '/nothing', '/things/mine']) {
      const answer = await fetch(listed.url + path, { headers: { origin: page } });
      expect(headersOf(answer, 'access-control-allow-origin', 'vary')).toEqual([page, 'Origin']);
      expect(answer.headers.get('access-control-expose-headers')).toContain('etag');
    }
  });

  it('is told of no method where there is nothing', async () =>
    expect((await preflight(listed, '/nothing', page)).status).toBe(404));

  it('gets no answer that was kept for another: they differ by origin, and say so', async () => {
    expect(headersOf(await fetch(`${listed.url}/things`), 'vary', 'access-control-allow-origin')).toEqual([
      'Origin',
      null,
    ]);
  });
});
