import { connect } from 'node:net';
import { problem as problemSchema, type Problem } from '@shop/contracts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runService, type RunningService } from '../service/run-service.ts';
import { edge, startIssuer, tiny } from '../service/tiny.fixture.ts';

const issuer = await startIssuer();
const { token } = issuer;
let service: RunningService;
let open: RunningService;
beforeAll(async () => {
  [service, open] = await Promise.all([runService(tiny, issuer.env('hello')), runService(edge, issuer.env('hi'))]);
});
afterAll(async () => {
  await Promise.all([service.close(), open.close()]);
  issuer.close();
});

const json = { 'content-type': 'application/json', 'idempotency-key': 'key-00000001' };
const post = (body: string, headers: Record<string, string> = json) =>
  fetch(`${service.url}/things`, { method: 'POST', body, headers });
const get = (path: string, headers: Record<string, string> = {}) => fetch(service.url + path, { headers });

/** The problem of an answer, which has to be one in every respect. */
async function problemIn(answer: Response | Promise<Response>): Promise<Problem> {
  const response = await answer;
  expect(response.headers.get('content-type')).toContain('application/problem+json');
  const problem = problemSchema.parse(await response.json());
  expect(problem.status).toBe(response.status);
  return problem;
}

describe('what a service refuses, it refuses as a problem', () => {
  it.each<[string, () => Promise<Response>, number, string]>([
    ['an unknown path', () => get('/nothing'), 404, 'unknown-path'],
    ['a body that is not JSON', () => post('{'), 400, 'malformed-json'],
    ['a body of brackets', () => post('['.repeat(50_000)), 400, 'json-too-deep'],
    [
      'a body that is a form',
      () => post('a=1', { 'content-type': 'application/x-www-form-urlencoded' }),
      415,
      'unsupported-media-type',
    ],
    ['a body that is text', () => post('a', { 'content-type': 'text/plain' }), 415, 'unsupported-media-type'],
    ['a body beyond 64 KiB', () => post(JSON.stringify({ lines: 'x'.repeat(70_000) })), 413, 'body-too-large'],
    ['a URL that cannot be decoded', () => get('/%zz'), 400, 'malformed-url'],
    ['an endless path parameter', () => get(`/things/${'a'.repeat(500)}`), 414, 'url-too-long'],
    ['a rule that says no', () => get('/things/rule'), 409, 'not-now'],
    ['no time left', () => get('/things', { 'x-request-budget-ms': '0' }), 503, 'deadline-exceeded'],
    ['no token', () => get('/things/mine'), 401, 'token-missing'],
    ['a token that is none', () => get('/things/mine', { authorization: 'Bearer a.b.c' }), 401, 'token-invalid'],
  ])('%s', async (_what, ask, status, code) => {
    const problem = await problemIn(ask());
    expect(problem).toMatchObject({ status, code, type: `urn:shop:problem:${code}` });
  });

  it('a wrong method on a known path, with the right ones', async () => {
    const answer = await fetch(`${service.url}/things`, { method: 'DELETE' });
    expect((await problemIn(answer)).code).toBe('method-not-allowed');
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD, POST']);
  });

  it('a bug, without a word of it, with its trace', async () => {
    const problem = await problemIn(
      get('/things/bug', { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' }),
    );
    expect(problem).toMatchObject({
      status: 500,
      code: 'internal-error',
      instance: '/things/bug',
      traceId: '0af7651916cd43dd8448eb211c80319c',
    });
    expect(JSON.stringify(problem)).not.toContain('hunter2');
  });

  it('a missing token and a missing scope, saying what is needed', async () => {
    expect((await get('/things/mine')).headers.get('www-authenticate')).toBe('Bearer');
    const refused = await get('/things/mine', { authorization: `Bearer ${await token('orders:read')}` });
    expect((await problemIn(refused)).code).toBe('insufficient-scope');
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([
      403,
      'Bearer error="insufficient_scope", scope="things:read"',
    ]);
  });

  it('bytes that are not HTTP', async () => {
    const socket = connect(Number(new URL(service.url).port), '127.0.0.1', () => socket.write('NONSENSE\r\n\r\n'));
    const answer = (await socket.setEncoding('utf8').toArray()).join('');
    expect(answer).toMatch(/^HTTP\/1.1 400 Bad Request\r\nContent-Type: application\/problem\+json/);
  });
});

describe('input is parsed by its schema', () => {
  const body = JSON.stringify({ lines: [{ quantity: 2 }] });

  it.each<[string, () => Promise<Response>, string[]]>([
    ['body', () => post('{"lines":[{"quantity":0}],"a/b":1}'), ['/lines/0/quantity', '/a~1b']],
    ['query', () => get('/things?limit=many'), ['/query/limit']],
    ['params', () => get('/things/7'), ['/params/id']],
    ['missing key', () => post(body, { 'content-type': 'application/json' }), ['/headers/idempotency-key']],
    ['malformed version', () => post(body, { ...json, 'if-match': '"3" "4"' }), ['/headers/if-match']],
    ['weak version', () => post(body, { ...json, 'if-match': 'W/"3"' }), ['/headers/if-match']],
    ['version of nothing', () => post(body, { ...json, 'if-match': '' }), ['/headers/if-match']],
  ])('and each fault is pointed at: %s', async (_where, ask, pointers) => {
    const problem = await problemIn(ask());
    expect(problem).toMatchObject({ status: 400, code: 'validation-failed' });
    expect(problem.errors?.map(({ pointer }) => pointer)).toEqual(pointers);
  });

  it('and reaches the handler as the schema made it', async () => {
    expect(await (await post(body, { ...json, 'if-match': '"3"' })).json()).toEqual({
      body: JSON.parse(body),
      key: 'key-00000001',
      versions: [3],
    });
    const several = await post(body, { ...json, 'if-match': '"3-x,y", ,W/"7" , "5-abc", "other"' });
    expect(await several.json()).toMatchObject({ versions: [5] });
    expect(await (await get('/things')).json()).toMatchObject({ query: { limit: 20 }, greeting: 'hello' });
  });
});

describe('a caller with a valid token', () => {
  it('is known to the handler', async () => {
    const answer = await get('/things/mine', { authorization: `Bearer ${await token('things:read')}` });
    expect(await answer.json()).toEqual({ subject: 'customer-1', roles: ['customer'] });
  });
});

describe('the trace and the deadline of a request', () => {
  const seen = async (url: string, headers: Record<string, string>) =>
    (await (await fetch(`${url}/things`, { headers })).json()) as { budget: number; traceparent: string };

  it('come from the caller inside, who may shorten the budget and not lengthen it', async () => {
    expect((await seen(service.url, { 'x-request-budget-ms': '300' })).budget).toBeLessThanOrEqual(300);
    expect((await seen(service.url, { 'x-request-budget-ms': '900000' })).budget).toBeLessThanOrEqual(2_000);
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    expect((await seen(service.url, { traceparent })).traceparent).toContain('0af7651916cd43dd8448eb211c80319c');
  });

  it('are not taken from strangers: the edge starts the budget itself', async () => {
    expect((await seen(open.url, { 'x-request-budget-ms': '1' })).budget).toBeGreaterThan(1_000);
  });
});
