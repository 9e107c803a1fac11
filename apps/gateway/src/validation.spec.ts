import type { Type } from '@nestjs/common';
import type { Problem } from '@shop/contracts';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { startEdge } from './edge.fixture.ts';
import { GatewayModule, versions } from './gateway.module.ts';
import { answersOf, inputsOf, placesIn } from './schemas.fixture.ts';

const controllers = GatewayModule.serving(Object.values(versions).flat()).controllers as Type[];
/** On a machine that is busy with other things. */
const PATIENCE_MS = 60_000;
const id = '0198c0de-0000-7000-8000-000000000001';

describe('whatever a handler takes from a request', () => {
  const inputs = inputsOf(controllers);

  it('is parsed by a schema', () => {
    expect(inputs.length).toBeGreaterThan(10);
    expect(
      inputs.filter(({ schema }) => schema === undefined).map(({ handler, part }) => `${part} of ${handler}`),
    ).toEqual([]);
  });

  it('has no field that the schema does not know, at any depth', () => {
    const isOpen = (schema: z.ZodType) => schema instanceof z.ZodObject && !(schema.def.catchall instanceof z.ZodNever);
    expect(
      inputs.flatMap(({ handler, part, schema }) =>
        schema ? placesIn(schema, isOpen).map((place) => `${part} of ${handler} at ${place}`) : [],
      ),
    ).toEqual([]);
  });

  it('has no text without an end', () => {
    const isEndless = (schema: z.ZodType) =>
      schema instanceof z.ZodString &&
      schema.maxLength === null &&
      !schema.format &&
      !(schema.def.checks ?? []).some(isBounded);
    expect(
      inputs.flatMap(({ handler, part, schema }) =>
        schema ? placesIn(schema, isEndless).map((place) => `${part} of ${handler} at ${place}`) : [],
      ),
    ).toEqual([]);
  });
});

/** A pattern whose every part is counted. */
function isBounded(check: z.core.$ZodCheck): boolean {
  const pattern = (check._zod.def as { pattern?: RegExp }).pattern;
  return pattern !== undefined && !/[*+]|\{\d+,\}/.test(pattern.source);
}

describe('whatever is answered', () => {
  /**
   * What happened to an order, event by event: which fields each has is the order's to say, and it says nothing that is
   * not its customer's.
   */
  const free = ['OrdersController', 'OrdersV2Controller'].flatMap((controller) => [
    `${controller}.history at /events/*/data`,
    `${controller}.history at /events/*/data/*`,
  ]);

  it('has a shape that leaves out what it does not know', () => {
    const isFree = (schema: z.ZodType) =>
      schema instanceof z.ZodAny ||
      schema instanceof z.ZodUnknown ||
      schema instanceof z.ZodRecord ||
      (schema instanceof z.ZodObject &&
        schema.def.catchall !== undefined &&
        !(schema.def.catchall instanceof z.ZodNever));
    const places = answersOf(controllers).flatMap(({ handler, schema }) =>
      placesIn(schema, isFree).map((place) => `${handler} at ${place}`),
    );
    expect(places.filter((place) => !free.includes(place))).toEqual([]);
  });
});

describe('a gateway that is sent what no form has', () => {
  let edge: Awaited<ReturnType<typeof startEdge>>;
  let headers: Record<string, string>;
  beforeAll(async () => {
    edge = await startEdge();
    const token = await edge.token('orders:read orders:write products:write', ['customer', 'admin']);
    headers = {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'idempotency-key': 'attempt-0001',
      'if-match': '"1"',
    };
  });
  afterAll(() => edge.stop());
  beforeEach(() => {
    for (const service of Object.values(edge.services)) {
      service.seen.length = 0;
      service.says(422, { type: 'urn:shop:problem:reached', title: 'Reached', status: 422, code: 'reached' });
    }
  });
  const reached = () => Object.values(edge.services).flatMap(({ seen }) => seen);

  const post = async (path: string, body: string, method = 'POST') => {
    const patch = method === 'PATCH' ? { 'content-type': 'application/merge-patch+json' } : {};
    const answer = await fetch(edge.url + path, { method, body, headers: { ...headers, ...patch } });
    return { status: answer.status, problem: (await answer.json()) as Problem };
  };
  const wish = { lines: [{ productId: id, quantity: 1 }], paymentToken: 'tok_good' };
  const account = { email: 'a@example.com', password: 'long-enough-1', name: 'A' };
  const product = { sku: 'MUG', name: 'Mug', description: 'A mug.', price: 1, currency: 'EUR', stock: 1 };
  const forms: [string, object, string?][] = [
    ['/v1/orders', wish],
    ['/v1/accounts', account],
    ['/v1/products', product],
    [`/v1/products/${id}`, { name: 'Mug' }, 'PATCH'],
    [`/v1/products/${id}/restock`, { quantity: 1 }],
  ];

  it.each(forms)('%s takes its form', async (path, form, method) => {
    expect((await post(path, JSON.stringify(form), method)).problem.code).toBe('reached');
  });

  it.each(forms)('%s takes no field beside it, however it is called', async (path, form, method) => {
    for (const field of ['role', 'admin', 'version', 'id', 'customerId', 'toString', 'hasOwnProperty', '']) {
      const { status, problem } = await post(path, JSON.stringify({ ...form, [field]: 'x' }), method);
      expect([field, status, problem.code]).toEqual([field, 400, 'validation-failed']);
    }
    expect(reached()).toEqual([]);
  });

  it.each(forms)('%s gives nobody a hand on the prototype of everything', async (path, form, method) => {
    const text = JSON.stringify(form).slice(0, -1);
    const poison = [
      '"__proto__":{"polluted":1}',
      '"constructor":{"prototype":{"polluted":1}}',
      '"\\u005f\\u005fproto__":{"polluted":1}',
      '"lines":{"__proto__":{"polluted":1}}',
    ];
    for (const field of poison) expect((await post(path, `${text},${field}}`, method)).status).toBe(400);
    expect([({} as { polluted?: number }).polluted, reached()]).toEqual([undefined, []]);
  });

  it('a query has no field that is not in it, and none twice', async () => {
    for (const query of [
      '__proto__[polluted]=1',
      'constructor[prototype]=1',
      'limit[]=1',
      'limit=1&limit=2',
      'limit=1e999',
      'limit=NaN',
      'limit=',
      'cursor=a&cursor=b',
    ]) {
      const answer = await fetch(`${edge.url}/v1/products?${query}`);
      expect([query, answer.status]).toEqual([query, 400]);
    }
    expect([({} as { polluted?: number }).polluted, reached()]).toEqual([undefined, []]);
    // These two Nest takes out before a schema sees them: they go nowhere.
    await fetch(`${edge.url}/v1/products?__proto__=1&constructor=1`);
    expect(reached().map(({ path }) => /proto|constructor/.test(path))).toEqual([false]);
  });

  it('numbers that are none, or beyond any count, are no quantities', async () => {
    for (const quantity of [
      '1e999',
      '-1e999',
      '9007199254740993',
      '1e21',
      '0.1',
      '-0.5',
      '"1"',
      'null',
      'true',
      '[1]',
      '{}',
    ]) {
      const { status } = await post(
        '/v1/orders',
        `{"lines":[{"productId":"${id}","quantity":${quantity}}],"paymentToken":"tok_good"}`,
      );
      expect([quantity, status]).toEqual([quantity, 400]);
    }
  });

  it(
    'what is nested thirty thousand deep is refused, and keeps nobody busy',
    async () => {
      const deep = '['.repeat(30_000) + ']'.repeat(30_000);
      const since = performance.now();
      for (const body of [deep, `{"lines":${deep}}`, '{"a":'.repeat(10_000) + '1' + '}'.repeat(10_000)])
        expect((await post('/v1/orders', body)).status).toBe(400);
      expect(performance.now() - since).toBeLessThan(20_000);
    },
    PATIENCE_MS,
  );

  it('NUL, control characters and half characters are no text that is kept', async () => {
    for (const text of ['\\u0000', 'a\\u0000b', '\\ud800', 'a\\udfff', '\\u001b[2J', 'a\\r\\nBcc: x@example.com']) {
      const refused = [
        await post('/v1/accounts', `{"email":"a@example.com","password":"long-enough-1","name":"${text}"}`),
        await post('/v1/accounts', `{"email":"${text}@example.com","password":"long-enough-1","name":"A"}`),
        await post('/v1/products', JSON.stringify(product).replace('A mug.', text)),
        await post('/v1/products', JSON.stringify(product).replace('Mug', text)),
        await post('/v1/orders', JSON.stringify(wish).replace('tok_good', `tok_good${text}`)),
      ];
      expect([text, refused.map(({ status }) => status)]).toEqual([text, [400, 400, 400, 400, 400]]);
    }
    expect(reached()).toEqual([]);
  });

  it(
    'anything at all is answered as a problem of its sender, never as a bug of ours',
    () =>
      fc.assert(
        fc.asyncProperty(
          fc.constantFrom(...forms),
          fc.jsonValue({ depthSize: 'small' }),
          fc.nat(),
          async ([path, form, method], value, which) => {
            const fields = Object.keys(form);
            const body = which % 3 === 0 ? value : { ...form, [fields[which % fields.length] ?? 'x']: value };
            const { status, problem } = await post(path, JSON.stringify(body), method);
            expect(status).toBeLessThan(500);
            expect(problem.code).toMatch(/^[a-z]+(-[a-z]+)*$/);
          },
        ),
        { numRuns: 150 },
      ),
    PATIENCE_MS,
  );
});
