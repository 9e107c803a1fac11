import type { ProductView } from '@shop/contracts';
import { DomainError } from '@shop/kernel';
import { MemoryCacheStore, UpstreamProblem, type UpstreamResponse } from '@shop/platform';
import type { FastifyReply } from 'fastify';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { ResponseCache } from './response-cache.ts';

const mug: Partial<ProductView> = { name: 'Mug', price: 1_250 };
const away = () => new DomainError('unavailable', 'unavailable', 'Away.');

let clock: number;
let caches: ResponseCache[];
let asked: number;
let upstream: () => Promise<UpstreamResponse<unknown>>;
beforeEach(() => {
  clock = 1_000_000;
  const store = new MemoryCacheStore(() => clock);
  // Two gateways before one Redis.
  caches = [new ResponseCache(store), new ResponseCache(store)];
  asked = 0;
  says({});
});

/** What catalog answers from now on. */
function says({ body = mug as unknown, headers = {} as Record<string, string>, status = 200 }): void {
  upstream = async () => ({ status, headers, body });
}

/** One request, as a gateway answers it. */
async function get(
  path = '/v1/products/1',
  {
    gateway = 0,
    query = {},
    id = undefined as string | undefined,
    headers = {},
    principal = undefined as object | undefined,
  } = {},
) {
  const sent: Record<string, string> = {};
  let status = 200;
  const reply = {
    request: {
      target: { route: '/v1/products', path: path.split('?', 1)[0], query: '' },
      method: 'GET',
      headers,
      principal,
    },
    header: (name: string, value: string) => ((sent[name] = value), reply),
    headers: (all: Record<string, string>) => (Object.assign(sent, all), reply),
    status: (code: number) => ((status = code), reply),
  };
  const body = await caches[gateway]?.answer(
    reply as unknown as FastifyReply,
    { query, ...(id !== undefined && { id }) },
    () => (asked++, upstream()),
  );
  return { status, body, sent };
}

describe('what everybody may see', () => {
  it('is asked for once however its id is spelled', async () => {
    const id = 'ab0c1d2e-0000-7000-8000-000000000001';
    for (const path of [id, id.toUpperCase()]) await get(`/v1/products/${path}`, { id });
    await get(`/v2/products/${id}`, { id });
    expect(asked).toBe(2);
  });

  it('is asked for once by all gateways, and says how old it is and how long it may be kept', async () => {
    const first = await get();
    clock += 1_200;
    const second = await get('/v1/products/1', { gateway: 1 });
    expect([first.sent['cache-status'], second.sent['cache-status'], asked]).toEqual([
      'gateway; fwd=miss; stored',
      'gateway; hit',
      1,
    ]);
    expect([first.sent['age'], second.sent['age'], second.body]).toEqual(['0', '1', mug]);
    expect(second.sent['cache-control']).toBe('public, max-age=2, stale-while-revalidate=4, stale-if-error=300');
  });

  it('is as old as it was when it came, and older', async () => {
    says({ headers: { age: '3' } });
    await get();
    clock += 1_000;
    expect((await get()).sent['age']).toBe('4');
  });

  it('is told apart by path, version and the whole query, in whatever order and spelling', async () => {
    await get('/v1/products', { query: { limit: 20, sort: 'name' } });
    const others = [
      get('/v2/products', { query: { limit: 20, sort: 'name' } }),
      get('/v1/products', { query: { limit: 21, sort: 'name' } }),
      get('/v1/products', { query: { limit: 20, sort: '-name' } }),
      get('/v1/products', { query: { limit: 20 } }),
    ];
    expect((await Promise.all(others)).map(({ sent }) => sent['cache-status'])).toEqual(
      Array(4).fill('gateway; fwd=miss; stored'),
    );
    expect(
      (await get('/v1/products?sort=name&limit=020', { query: { sort: 'name', limit: 20, cursor: undefined } })).sent[
        'cache-status'
      ],
    ).toBe('gateway; hit');
  });

  it('is not sent again to whoever has it', async () => {
    const { sent } = await get();
    expect(sent['etag']).toMatch(/^W\/"[\w-]{22}"$/);
    const again = await get('/v1/products/1', { headers: { 'if-none-match': sent['etag'] } });
    expect([again.status, again.body, again.sent['etag']]).toEqual([304, undefined, sent['etag']]);
    says({ headers: { etag: '"7-abc"' } });
    expect((await get('/v1/products/2')).sent['etag']).toBe('"7-abc"');
  });

  it('is still shown, with its age, while catalog is away', async () => {
    await get();
    clock += 200_000;
    upstream = () => Promise.reject(away());
    expect(await get()).toMatchObject({
      status: 200,
      body: mug,
      sent: { age: '200', 'cache-status': 'gateway; hit; fwd=stale; detail=stale-if-error' },
    });
    await expect(get('/v1/products/2')).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('that does not exist is known not to, and said to be missing as before', async () => {
    const problem = {
      type: 'urn:shop:problem:product-not-found',
      title: 'Not Found',
      status: 404,
      code: 'product-not-found',
    };
    upstream = () =>
      Promise.reject(new UpstreamProblem('catalog', problem, { status: 404, headers: {}, body: problem }));
    for (let time = 0; time < 3; time++) await expect(get()).rejects.toMatchObject({ kind: 'not-found' });
    expect(asked).toBe(1);
  });
});

describe('what is not for everybody', () => {
  it.each([
    ['sets a cookie', { 'set-cookie': 'session=alice' }],
    ['is private', { 'cache-control': 'private, max-age=60' }],
    ['is not to be stored', { 'cache-control': 'no-store' }],
  ])('is not kept, and not shared with who asks at the same time: %s', async (_why, headers) => {
    upstream = async () => ({ status: 200, headers, body: { secret: asked } });
    const bodies = (await Promise.all(Array.from({ length: 5 }, () => get()))).map(({ body, sent }) => [
      JSON.stringify(body),
      sent['cache-control'],
      sent['set-cookie'],
    ]);
    expect(new Set(bodies.map(([body]) => body)).size).toBe(5);
    expect(bodies.every(([, control, cookie]) => control === undefined && cookie === undefined)).toBe(true);
    says({});
    expect((await get()).sent['cache-status']).toBe('gateway; fwd=miss; stored');
  });

  it('cannot be asked for through it: a route that knows its user is refused', async () => {
    const spy = vi.fn(upstream);
    upstream = spy;
    await expect(get('/v1/orders', { principal: { subject: 'alice' } })).rejects.toThrow('not public');
    expect(spy).not.toHaveBeenCalled();
  });
});
