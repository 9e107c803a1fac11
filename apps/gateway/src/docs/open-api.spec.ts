import type { OpenAPIObject } from '@nestjs/swagger';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { currency, paymentToken, problem, sku } from '@shop/contracts';
import { runService, type RunningService } from '@shop/platform';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { gateway } from '../service.ts';
import { examples } from './examples.ts';
import { ofPattern } from './json-schema.ts';

interface Refusal {
  content: { 'application/problem+json': { schema: object; examples: Record<string, { value: unknown }> } };
}

let running: RunningService;
const versions = [1, 2] as const;
let documents: OpenAPIObject[];
type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;
let operations: { name: string; operation: Operation }[];

beforeAll(async () => {
  const elsewhere = 'http://127.0.0.1:1';
  running = await runService(gateway, {
    ISSUER: 'https://shop.example/oidc',
    JWKS_URL: elsewhere,
    LOG_LEVEL: 'silent',
    SHED_LOOP_DELAY_MS: '0',
    AUTH_URLS: elsewhere,
    CATALOG_URLS: elsewhere,
    ORDERS_URLS: elsewhere,
    NOTIFICATIONS_URLS: elsewhere,
  });
  documents = await Promise.all(versions.map((version) => read(`/v${version}/openapi.json`)));
  operations = documents.flatMap(({ paths }) =>
    Object.entries(paths).flatMap(([path, item]) =>
      Object.entries(item).map(([verb, operation]) => ({
        name: `${verb.toUpperCase()} ${path}`,
        operation: operation as Operation,
      })),
    ),
  );
});

afterAll(() => running.close());

const read = async (path: string) => (await (await fetch(running.url + path)).json()) as OpenAPIObject;

describe('the OpenAPI documents', () => {
  it('are of version 3.1 and list what the gateway offers', () => {
    expect(documents.map(({ openapi }) => openapi)).toEqual(['3.1.0', '3.1.0']);
    const offered = [
      'GET /v1/accounts/{id}/roles',
      'GET /v1/accounts/{id}/standing',
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
      'PUT /v1/accounts/{id}/standing',
    ];
    const both = ['GET /', 'GET /', ...offered, ...offered.map((name) => name.replace('/v1/', '/v2/'))];
    expect(operations.map(({ name }) => name).sort()).toEqual(both.sort());
  });

  it('say for each operation which scopes it needs, as the guard enforces them', () => {
    const scopes = operations.map(({ name, operation }) => [name, operation.security?.[0]?.['signIn'] ?? 'public']);
    expect(Object.fromEntries(scopes)).toMatchObject({
      'GET /v1/products': 'public',
      'GET /v1/orders': ['orders:read'],
      'POST /v1/orders': ['orders:write'],
    });
  });

  it('give every refusal the shape of a problem, with an example of each code that it can have', () => {
    const bodies = operations.flatMap(({ operation }) =>
      Object.entries(operation.responses).filter(([status]) => Number(status) >= 400),
    );
    expect(bodies.length).toBeGreaterThan(60);
    for (const [status, response] of bodies) {
      const { schema, examples: shown } = (response as unknown as Refusal).content['application/problem+json'];
      expect(schema).toEqual({ $ref: '#/components/schemas/Problem' });
      const entries = Object.entries(shown);
      expect(entries.length).toBeGreaterThan(0);
      for (const [code, { value }] of entries)
        expect(problem.parse(value)).toMatchObject({ code, status: Number(status) });
    }
  });

  /**
   * What is sent and answered in a version, by the names of its schemas in the code: where the versions differ, the
   * second's have a number that its document leaves out.
   */
  const shownIn = (version: 1 | 2) => {
    const named = JSON.stringify(documents[version - 1]?.paths).matchAll(
      /"content":\{"[^"]+":\{"schema":\{"\$ref":"#\/components\/schemas\/([^"]+)"\}/g,
    );
    const names = [...new Set([...named].map(([, name = '']) => name))].filter((name) => name !== 'Problem');
    return names.map((name) => (version === 2 && `${name}V2` in examples ? `${name}V2` : name));
  };

  it('show an example of everything that is sent and answered, and each is what its schema says', () => {
    expect([...new Set(versions.flatMap(shownIn))].sort()).toEqual(Object.keys(examples).sort());
    for (const version of versions) {
      const paths = JSON.stringify(documents[version - 1]?.paths);
      for (const name of shownIn(version))
        expect(paths).toContain(JSON.stringify({ example: { value: examples[name] } }));
    }
    for (const [name, value] of Object.entries(examples)) {
      const found = (z.globalRegistry as unknown as { _idmap: Map<string, z.ZodType> })._idmap.get(name);
      expect([name, found?.safeParse(value).error?.issues]).toEqual([name, undefined]);
    }
  });

  it('refuse unknown fields at every depth of a body, and promise nothing of the kind for answers', () => {
    const { PlaceOrder: input, Order: output } = documents[0]?.components?.schemas ?? {};
    expect(input).toMatchObject({
      additionalProperties: false,
      properties: { lines: { items: { additionalProperties: false } } },
    });
    expect(output).not.toHaveProperty('additionalProperties');
  });

  it('name the headers that matter', () => {
    const place = operations.find(({ name }) => name === 'POST /v1/orders')?.operation;
    expect(place?.parameters).toContainEqual(
      expect.objectContaining({ name: 'Idempotency-Key', in: 'header', required: true }),
    );
    expect(place).toHaveProperty(['responses', '201', 'headers', 'Location']);
  });
});

describe('the lengths that the documents name', () => {
  it('are those that patterns mean', () => {
    const longest = new Map([
      [currency, 'EUR'],
      [sku, `A${'-'.repeat(62)}Z`],
      [paymentToken, `tok_${'a'.repeat(64)}`],
    ]);
    for (const [schema, text] of longest)
      expect([text.length, schema.safeParse(text).success, schema.safeParse(`${text}A`).success]).toEqual([
        ofPattern.get(schema),
        true,
        false,
      ]);
  });
});

describe('whoever names no version', () => {
  it('gets the latest, and is told where it is', async () => {
    const answer = await fetch(`${running.url}/openapi.json`);
    expect([answer.headers.get('content-location'), await answer.json()]).toEqual(['/v2/openapi.json', documents[1]]);
  });
});

describe.each(versions)('version %i of it', (version) => {
  const own = () => documents[version - 1] as OpenAPIObject;

  it('has its own paths and the schemas that these refer to, by the names that clients use', () => {
    const { paths, components } = own();
    expect(Object.keys(paths).filter((path) => path !== '/' && !path.startsWith(`/v${version}/`))).toEqual([]);
    const names = new Set(
      [...JSON.stringify(paths).matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map((match) => match[1]),
    );
    expect(Object.keys(components?.schemas ?? {})).toEqual(expect.arrayContaining([...names]));
    expect(Object.keys(components?.schemas ?? {}).join()).not.toContain('V2');
    expect((components?.schemas?.['Product'] as { properties: object }).properties).toHaveProperty(
      version === 1 ? 'currency' : 'price.$ref',
    );
  });

  it('is as the linter of OpenAPI recommends', async () => {
    const config = await createConfig({ extends: ['recommended'] });
    const found = await lintFromString({ source: JSON.stringify(own()), config });
    expect(found.map(({ ruleId, message, location }) => `${ruleId}: ${message} ${location[0]?.pointer}`)).toEqual([]);
  });
});

describe('the page to browse it', () => {
  it.each([
    ['/docs', 'text/html'],
    ['/docs/start.js', 'text/javascript'],
    ['/docs/swagger-ui.css', 'text/css'],
    ['/docs/swagger-ui-bundle.js', 'text/javascript'],
    ['/docs/swagger-ui-standalone-preset.js', 'text/javascript'],
  ])('has %s', async (path, type) => {
    const answer = await fetch(running.url + path);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, `${type}; charset=utf-8`]);
    expect((await answer.text()).length).toBeGreaterThan(80);
  });
});
