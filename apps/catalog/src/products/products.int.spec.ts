import { productChanged, type ProductQuery, type ProductView } from '@shop/contracts';
import { PostgresOutbox } from '@shop/eventing';
import { Conditions, Database, keysetPage, RedisCacheStore, RedisConnection, sortOf } from '@shop/platform';
import { freshDatabase } from '@shop/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { demoProducts } from './demo-products.ts';
import { ProductCache } from './product-cache.ts';
import { ProductQueries } from './products.queries.ts';
import { ProductStore } from './product-store.ts';

const { url } = await freshDatabase('catalog');
const database = new Database(url, { size: 8, application: 'spec' });
const store = new ProductStore(database, new PostgresOutbox());
const products = demoProducts();

const queries = new ProductQueries(database, new ProductCache(new RedisCacheStore(new RedisConnection(undefined))));

/** Adds the demo in batches, as an instance does at its start. */
async function seed(): Promise<number> {
  let added = 0;
  for (let from = 0; from < products.length; from += 250) added += await store.add(products.slice(from, from + 250));
  return added;
}

beforeAll(async () => {
  const [first, second] = await Promise.all([seed(), seed()]);
  expect(first + second).toBe(1_000);
});

afterAll(() => database.close());

describe('two instances that fill the shop at once', () => {
  it('add each product once, and announce each once as it is', async () => {
    const rows = await database.query<{ key: string; payload: string }>(
      `SELECT key, payload FROM outbox WHERE topic = 'catalog.products' ORDER BY key`,
    );
    const announced = rows.map(({ payload }) => JSON.parse(payload) as { sequence: string; data: unknown });
    expect(announced.map(({ sequence }) => sequence)).toEqual(products.map(() => '1'));
    expect(announced.map(({ data }) => productChanged.data.parse(data))).toEqual(
      products.map(({ id, name, price, currency }) => ({ productId: id, name, price, currency, active: true })),
    );
  });

  it('leave alone what has changed since', async () => {
    const [first] = products;
    await database.query('UPDATE products SET price = 1 WHERE id = $1', [first?.id]);
    expect(await seed()).toBe(0);
    expect(await database.query('SELECT price FROM products WHERE id = $1', [first?.id])).toEqual([{ price: 1 }]);
    await database.query('UPDATE products SET price = $2 WHERE id = $1', [first?.id, first?.price]);
  });
});

/** Every product of a list, page by page. */
async function all(query: Partial<ProductQuery>): Promise<ProductView[]> {
  const seen: ProductView[] = [];
  for (let cursor: string | undefined; ; ) {
    const { value: page } = await queries.page({ limit: 70, sort: 'name', ...query, cursor });
    seen.push(...page.items);
    cursor = page.nextCursor;
    if (cursor === undefined) return seen;
  }
}
type Product = (typeof products)[number];
const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1);
const byName = (a: Product, b: Product) => (a.name === b.name ? byId(a, b) : a.name < b.name ? -1 : 1);
const byPrice = (a: Product, b: Product) => a.price - b.price || byId(a, b);

describe('products', () => {
  it.each([
    ['name', byName],
    ['-name', (a: Product, b: Product) => byName(b, a)],
    ['price', byPrice],
    ['-price', (a: Product, b: Product) => byPrice(b, a)],
  ] as const)('come page by page, by %s, each once', async (sort, order) => {
    expect((await all({ sort })).map(({ id }) => id)).toEqual(products.toSorted(order).map(({ id }) => id));
  });

  it.each<[string, Partial<ProductQuery>, (product: Product) => boolean]>([
    ['whose names begin so', { 'filter[name]': 'Oak' }, ({ name }) => name.startsWith('Oak')],
    ['of one sku', { 'filter[sku]': 'SOLD-OUT' }, ({ sku }) => sku === 'SOLD-OUT'],
    [
      'of a range of prices',
      { 'filter[price][gte]': 2_000, 'filter[price][lte]': 2_500, sort: '-price' },
      ({ price }) => price >= 2_000 && price <= 2_500,
    ],
    ['that are to be had', { 'filter[inStock]': 'true' }, ({ stock }) => stock > 0],
    ['that are sold out', { 'filter[inStock]': 'false' }, ({ stock }) => stock === 0],
    [
      'of all of it at once',
      { 'filter[name]': 'Oak T', 'filter[price][lte]': 3_000, 'filter[inStock]': 'true', sort: 'price' },
      ({ name, price }) => name.startsWith('Oak T') && price <= 3_000,
    ],
  ])('come %s, and no others', async (_what, query, wanted) => {
    const found = await all(query);
    expect(found.map(({ id }) => id).sort()).toEqual(
      products
        .filter(wanted)
        .map(({ id }) => id)
        .sort(),
    );
    expect(found.length).toBeGreaterThan(0);
  });

  it('by a cursor of another question are refused', async () => {
    const { value } = await queries.page({ limit: 1, sort: 'name' });
    for (const query of [{ sort: 'price' }, { sort: 'name', 'filter[name]': 'Oak' }] as const) {
      await expect(queries.page({ limit: 1, cursor: value.nextCursor, ...query })).rejects.toMatchObject({
        status: 400,
        errors: [{ pointer: '/query/cursor' }],
      });
    }
  });

  it.each([
    ['name', 'Oak', 'products_by_name', `ROW(name, id) > ROW('Oak'`],
    ['-name', 'Oak', 'products_by_name', `ROW(name, id) < ROW('Oak'`],
    ['price', 2_000, 'products_by_price', 'ROW(price, id) > ROW(2000'],
    ['-price', 2_000, 'products_by_price', 'ROW(price, id) < ROW(2000'],
  ] as const)(
    'by %s begin where the page begins, in the index, however deep that is',
    async (sort, key, index, condition) => {
      const { field: column, descending } = sortOf(sort);
      const where = new Conditions().and('active');
      const after = { key, id: '00000000-0000-0000-0000-000000000000' };
      const { text, values } = keysetPage({
        select: 'SELECT id FROM products',
        where,
        column,
        descending,
        after,
        limit: 20,
      });
      const [plan] = await database.query<{ 'QUERY PLAN': [{ Plan: object }] }>(
        `EXPLAIN (FORMAT JSON) ${text}`,
        values,
      );
      const steps = JSON.stringify(plan?.['QUERY PLAN']);
      expect(steps).toContain(`"Index Name":"${index}"`);
      expect(steps).toContain(`"Index Cond":"(${condition}`);
      expect(steps).not.toContain('"Sort"');
    },
  );

  it('show one with what is free of it', async () => {
    const mug = products.find(({ sku }) => sku === 'DEMO-MUG');
    const { stock, ...rest } = mug as NonNullable<typeof mug>;
    expect((await queries.one(rest.id)).value).toEqual({ product: { ...rest, available: stock }, version: 1 });
  });

  it('that are off sale are not there', async () => {
    const { id, name } = products[5] as (typeof products)[number];
    await database.query('UPDATE products SET active = false WHERE id = $1', [id]);
    await expect(queries.one(id)).rejects.toMatchObject({ kind: 'not-found', code: 'product-not-found' });
    const {
      value: { items },
    } = await queries.page({ limit: 100, sort: 'name', 'filter[name]': name });
    expect(items.map((item) => item.id)).not.toContain(id);
    await database.query('UPDATE products SET active = true WHERE id = $1', [id]);
  });
});
