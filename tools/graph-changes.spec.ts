import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { graphChanges } from './graph-changes.ts';

const committed = readFileSync(new URL('../apps/gateway/generated/schema.graphql', import.meta.url), 'utf8');
const changed = (from: string | RegExp, to: string) => {
  const text = committed.replace(from, to);
  expect(text).not.toBe(committed);
  return graphChanges(committed, text);
};

describe('a change of the graph', () => {
  it.each<[string, string | RegExp, string, string]>([
    [
      'a field that is gone',
      /\n {2}"""The shop's own number of it."""\n {2}sku: String!\n/,
      '\n',
      'Product.sku was removed',
    ],
    ['a field that may now be null', '  total: Amount!', '  total: Amount', 'Order.total changed type'],
    ['another type', '  version: Int!', '  version: String!', 'version changed type'],
    [
      'an argument that has to be given',
      'product(id: ID!)',
      'product(id: ID!, currency: String!)',
      'A required arg currency',
    ],
    ['an argument that is gone', /cancelOrder\([^)]*\)/, 'cancelOrder(id: ID!)', 'arg ifVersion was removed'],
    [
      'an input that has to be given',
      'input PlaceOrderInput {',
      'input PlaceOrderInput {\n  coupon: String!',
      'A required field coupon',
    ],
    ['a word that is gone', '  RESERVED\n', '', 'RESERVED was removed'],
    ['a word that clients do not know', '  RESERVED\n', '  RESERVED\n  SHIPPED\n', 'SHIPPED was added'],
    ['another default', 'limit: Int! = 20', 'limit: Int! = 10', 'defaultValue'],
  ])('breaks clients: %s', (_what, from, to, sentence) => {
    expect(changed(from, to).join()).toContain(sentence);
  });

  it.each<[string, string, string]>([
    ['a field more', '  sku: String!\n', '  sku: String!\n  colour: String\n'],
    ['an argument more that may be left out', 'product(id: ID!)', 'product(id: ID!, currency: String)'],
    ['an input that may be left out', 'input PlaceOrderInput {', 'input PlaceOrderInput {\n  coupon: String'],
    ['a type more', 'type Product {', 'type Shelf {\n  id: ID!\n}\n\ntype Product {'],
  ])('breaks nobody: %s', (_what, from, to) => {
    expect(changed(from, to)).toEqual([]);
  });
});
