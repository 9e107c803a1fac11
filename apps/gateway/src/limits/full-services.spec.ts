import { afterAll, beforeAll, expect, it } from 'vitest';
import { startEdge } from '../edge.fixture.ts';

let edge: Awaited<ReturnType<typeof startEdge>>;
let token: string;
beforeAll(async () => {
  edge = await startEdge();
  token = await edge.token('orders:read');
});
afterAll(() => edge.stop());

const ask = (path: string, authorization = `Bearer ${token}`) => fetch(edge.url + path, { headers: { authorization } });
const statusOf = async (path: string, authorization?: string) => {
  const answer = await ask(path, authorization);
  return [answer.status, ((await answer.json()) as { code?: string }).code];
};
/** As many calls as a service is always asked (adaptive-limit.ts). */
const LEAST = 8;

it('turns away what its service cannot do now before a token is looked at, and nothing else', async () => {
  const { orders, catalog } = edge.services;
  catalog.says(200, { items: [] });
  orders.says(503, { type: 'about:blank', title: 'x', status: 503, code: 'overloaded' });
  for (let n = 0; n < 30; n++) await ask('/v1/orders');
  const held: (() => void)[] = [];
  orders.answer = (_seen, response) =>
    void held.push(() => response.writeHead(200, { 'content-type': 'application/json' }).end('{"items":[]}'));
  const under = Array.from({ length: LEAST }, () => ask('/v2/orders'));
  await expect.poll(() => held.length).toBe(LEAST);
  for (const path of ['/v1/orders', '/v2/orders?limit=1', '/v1/orders/7/history'])
    expect(await statusOf(path, 'Bearer no.token.atall')).toEqual([503, 'overloaded']);
  expect((await ask('/v1/orders')).headers.get('retry-after')).toBe('1');
  expect(await statusOf('/v1/products')).toEqual([200, undefined]);
  expect(await statusOf('/v1/notifications', 'Bearer no.token.atall')).toEqual([401, 'token-invalid']);
  expect(held).toHaveLength(LEAST);
  for (const end of held) end();
  expect((await Promise.all(under)).map(({ status }) => status)).toEqual(Array(LEAST).fill(200));
  orders.says(200, { items: [] });
  expect(await statusOf('/v1/orders')).toEqual([200, undefined]);
});
