import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { golden } from './golden.fixture.ts';
import { id, manyIds, mailRecipient, messages, orderView, placeOrder, productView } from './index.ts';

const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi;
/** The same ids, each letter of them in some case. */
const respelled = (text: string, cases: readonly boolean[]) => {
  let at = 0;
  return text.replaceAll(uuid, (found) =>
    found.replaceAll(/[a-f]/gi, (letter) => (cases[at++ % cases.length] ? letter.toUpperCase() : letter.toLowerCase())),
  );
};
const cases = fc.array(fc.boolean(), { minLength: 1, maxLength: 40 });

const [one, other] = ['ab0c1d2e-0000-7000-8000-00000000000a', 'ab0c1d2e-0000-7000-8000-00000000000b'];
const inputs: readonly [name: string, schema: z.ZodType, value: unknown][] = [
  ['an id', id, one],
  [
    'an order',
    placeOrder,
    {
      lines: [
        { productId: one, quantity: 1 },
        { productId: other, quantity: 2 },
      ],
      paymentToken: 'tok_Visa',
    },
  ],
  ['several ids', manyIds.query, { ids: `${one},${other}` }],
  [
    'a product',
    productView,
    { id: one, sku: 'A', name: 'A', description: '', price: 1, currency: 'EUR', available: 1 },
  ],
  [
    'an order that is told',
    orderView,
    {
      id: one,
      status: 'placed',
      lines: [{ productId: other, name: 'A', quantity: 1, unitPrice: 1 }],
      total: 1,
      currency: 'EUR',
      placedAt: '2026-01-01T00:00:00Z',
      version: 1,
    },
  ],
  ['a recipient', mailRecipient, { id: one, email: 'a@example.com', name: 'A', verified: true }],
];

describe('two spellings of an id are one', () => {
  it.each(inputs)('in %s', (_name, schema, value) =>
    fc.assert(
      fc.property(
        cases,
        (some) =>
          void expect(schema.parse(JSON.parse(respelled(JSON.stringify(value), some)))).toEqual(schema.parse(value)),
      ),
    ),
  );

  it.each(golden())('in a message as it was once sent: $file', ({ message: { type, data } }) => {
    const schema = messages.get(type)?.data;
    const property = fc.property(
      cases,
      (some) =>
        void expect(schema?.parse(JSON.parse(respelled(JSON.stringify(data), some)))).toEqual(schema?.parse(data)),
    );
    fc.assert(property, { numRuns: 10 });
  });

  it('so that a product stands in an order once', () => {
    const twice = {
      lines: [one, one.toUpperCase()].map((productId) => ({ productId, quantity: 1 })),
      paymentToken: 'tok_Visa',
    };
    expect(placeOrder.safeParse(twice).error?.issues.map(({ message }) => message)).toEqual([
      'Each product once; use its quantity.',
    ]);
  });
});
