import type { OpenAPIObject } from '@nestjs/swagger';
import { runService, type RunningService } from '@shop/platform';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gateway } from '../service.ts';

let running: RunningService;
let document: OpenAPIObject;
type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;
let operations: { name: string; operation: Operation }[];

beforeAll(async () => {
  const elsewhere = 'http://127.0.0.1:1';
  running = await runService(gateway, {
    ISSUER: 'http://shop.example/oidc',
    JWKS_URL: elsewhere,
    LOG_LEVEL: 'silent',
    AUTH_URLS: elsewhere,
    CATALOG_URLS: elsewhere,
    ORDERS_URLS: elsewhere,
    NOTIFICATIONS_URLS: elsewhere,
  });
  document = (await (await fetch(`${running.url}/openapi.json`)).json()) as OpenAPIObject;
  operations = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([verb, operation]) => ({ name: `${verb.toUpperCase()} ${path}`, operation: operation as Operation })),
  );
});

afterAll(() => running.close());

describe('the OpenAPI document', () => {
  it('is of version 3.1 and lists what the gateway offers', () => {
    expect(document.openapi).toBe('3.1.0');
    expect(operations.map(({ name }) => name).sort()).toEqual([
      'GET /',
      'GET /v1/accounts/{id}/roles',
      'GET /v1/notifications',
      'GET /v1/orders',
      'GET /v1/orders/{id}',
      'GET /v1/orders/{id}/history',
      'GET /v1/products',
      'GET /v1/products/{id}',
      'GET /v1/products/{id}/record',
      'PATCH /v1/products/{id}',
      'POST /v1/accounts',
      'POST /v1/orders',
      'POST /v1/orders/{id}/cancellation',
      'POST /v1/products',
      'POST /v1/products/{id}/restock',
      'PUT /v1/accounts/{id}/roles',
    ]);
  });

  it('refers to no component that it lacks', () => {
    const names = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map((match) => match[1] ?? '');
    const known = Object.keys(document.components?.schemas ?? {});
    expect(names.filter((name) => !known.includes(name))).toEqual([]);
    expect(known).toEqual(expect.arrayContaining(['Order', 'OrderPage', 'PlaceOrder', 'Problem', 'ProductPage']));
  });

  it('says for each operation which scopes it needs, as the guard enforces them', () => {
    const scopes = operations.map(({ name, operation }) => [name, operation.security?.[0]?.['signIn'] ?? 'public']);
    expect(Object.fromEntries(scopes)).toMatchObject({ 'GET /v1/products': 'public', 'GET /v1/orders': ['orders:read'], 'POST /v1/orders': ['orders:write'] });
  });

  it('gives every refusal the shape of a problem', () => {
    const bodies = operations.flatMap(({ operation }) => Object.entries(operation.responses).filter(([status]) => Number(status) >= 400));
    expect(bodies.length).toBeGreaterThan(30);
    const body = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } };
    for (const [, response] of bodies) expect(response).toHaveProperty('content', body);
  });

  it('refuses unknown fields at every depth of a body, and promises nothing of the kind for answers', () => {
    const { PlaceOrder: input, Order: output } = document.components?.schemas ?? {};
    expect(input).toMatchObject({ additionalProperties: false, properties: { lines: { items: { additionalProperties: false } } } });
    expect(output).not.toHaveProperty('additionalProperties');
  });

  it('names the headers that matter', () => {
    const place = operations.find(({ name }) => name === 'POST /v1/orders')?.operation;
    expect(place?.parameters).toContainEqual(expect.objectContaining({ name: 'Idempotency-Key', in: 'header', required: true }));
    expect(place).toHaveProperty(['responses', '201', 'headers', 'Location']);
  });
});

describe('the page to browse it', () => {
  it.each([
    ['/docs', 'text/html'],
    ['/docs/start.js', 'text/javascript'],
    ['/docs/swagger-ui.css', 'text/css'],
    ['/docs/swagger-ui-bundle.js', 'text/javascript'],
  ])('has %s', async (path, type) => {
    const answer = await fetch(running.url + path);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, `${type}; charset=utf-8`]);
    expect((await answer.text()).length).toBeGreaterThan(80);
  });
});
