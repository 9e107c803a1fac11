import { describe, expect, it } from 'vitest';
import { apiChanges, type OpenApiDocument } from './api-changes.ts';

type Loose = Record<string, unknown>;
const line = {
  type: 'object',
  required: ['quantity'],
  properties: { quantity: { type: 'integer', minimum: 1, maximum: 1000 }, gift: { type: 'boolean' } },
};
const order = {
  type: 'object',
  required: ['id', 'status'],
  properties: {
    id: { type: 'string' },
    status: { type: 'string', enum: ['placed', 'confirmed'] },
    note: { type: 'string' },
  },
};
const sort = { name: 'sort', in: 'query', schema: { type: 'string', enum: ['name', 'price'] } };
const place = {
  parameters: [sort],
  requestBody: { required: true, content: { 'application/json': { schema: { $ref: '#/components/schemas/Line' } } } },
  responses: { 201: { content: { 'application/json': { schema: { $ref: '#/components/schemas/Order' } } } }, 422: {} },
  security: [{ token: ['orders:write'] }],
};

/** The API with one thing changed. */
const api = ({
  operation = {},
  lineIs = {},
  orderIs = {},
}: {
  operation?: Loose;
  lineIs?: Loose;
  orderIs?: Loose;
} = {}) =>
  ({
    paths: { '/v1/orders': { post: { ...place, ...operation } } },
    components: { schemas: { Line: { ...line, ...lineIs }, Order: { ...order, ...orderIs } } },
  }) as unknown as OpenApiDocument;
const changes = (after: OpenApiDocument) => apiChanges(api(), after);

describe('a change that breaks clients', () => {
  it.each<[string, OpenApiDocument, string]>([
    ['an operation that is gone', { paths: {} }, 'POST /v1/orders is gone: clients call it.'],
    [
      'a parameter that is gone',
      api({ operation: { parameters: [] } }),
      'POST /v1/orders no longer takes sort: clients send it.',
    ],
    [
      'a new parameter that is needed',
      api({ operation: { parameters: [sort, { name: 'shop', in: 'query', required: true, schema: {} }] } }),
      'POST /v1/orders needs shop now: clients do not send it.',
    ],
    [
      'a word that a parameter no longer allows',
      api({ operation: { parameters: [{ ...sort, schema: { type: 'string', enum: ['name'] } }] } }),
      'POST /v1/orders sort no longer allows "price": requests as they are sent now would be refused.',
    ],
    [
      'a scope',
      api({ operation: { security: [{ token: ['orders:write', 'gold'] }] } }),
      'POST /v1/orders needs the scope gold now.',
    ],
    [
      'another language',
      api({ operation: { requestBody: { required: true, content: {} } } }),
      'POST /v1/orders no longer takes application/json.',
    ],
    [
      'a field of a request that is gone',
      api({ lineIs: { properties: { quantity: line.properties.quantity } } }),
      'POST /v1/orders /gift is gone: clients ask for it.',
    ],
    [
      'a new field that is required',
      api({ lineIs: { required: ['quantity', 'colour'] } }),
      'POST /v1/orders /colour is required now: requests as they are sent now do not have it.',
    ],
    [
      'a narrower range',
      api({ lineIs: { properties: { ...line.properties, quantity: { type: 'integer', minimum: 1, maximum: 10 } } } }),
      'POST /v1/orders /quantity has maximum 10 instead of 1000: requests as they are sent now would be refused.',
    ],
    [
      'a field of an answer that is gone',
      api({ orderIs: { properties: { id: order.properties.id, status: order.properties.status } } }),
      'POST /v1/orders 201/note is gone: clients ask for it.',
    ],
    [
      'a field of an answer that may be absent',
      api({ orderIs: { required: ['id'] } }),
      'POST /v1/orders 201/status may be absent now: clients require it.',
    ],
    [
      'a field of another type',
      api({ orderIs: { properties: { ...order.properties, id: { type: 'integer' } } } }),
      'POST /v1/orders 201/id is of type "integer" instead of "string".',
    ],
    [
      'a word that clients do not know',
      api({
        orderIs: {
          properties: { ...order.properties, status: { type: 'string', enum: ['placed', 'confirmed', 'lost'] } },
        },
      }),
      'POST /v1/orders 201/status also allows "lost": clients would refuse what is new.',
    ],
    [
      'another status of success',
      api({ operation: { responses: { 202: {} } } }),
      'POST /v1/orders no longer answers 201.',
    ],
  ])('%s is refused', (_what, after, sentence) => expect(changes(after)).toEqual([sentence]));
});

describe('a change that breaks nobody', () => {
  it.each<[string, OpenApiDocument]>([
    ['none', api()],
    ['an operation more', { ...api(), paths: { ...api().paths, '/v1/more': { get: { responses: {} } } } }],
    [
      'a parameter that may be left out',
      api({ operation: { parameters: [sort, { name: 'shop', in: 'query', schema: {} }] } }),
    ],
    [
      'a word more that may be sent',
      api({ operation: { parameters: [{ ...sort, schema: { type: 'string', enum: ['name', 'price', 'age'] } }] } }),
    ],
    [
      'a wider range',
      api({ lineIs: { properties: { ...line.properties, quantity: { type: 'integer', minimum: 1, maximum: 5000 } } } }),
    ],
    ['a field that need not be sent any more', api({ lineIs: { required: [] } })],
    [
      'a field more in an answer',
      api({ orderIs: { properties: { ...order.properties, colour: { type: 'string' } } } }),
    ],
    ['another refusal', api({ operation: { responses: { 201: place.responses[201], 409: {} } } })],
  ])('%s passes', (_what, after) => expect(changes(after)).toEqual([]));
});
