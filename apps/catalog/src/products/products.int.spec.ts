import { productChanged, type ProductView } from '@shop/contracts';
import { PostgresOutbox } from '@shop/eventing';
import { Database, RedisCacheStore, RedisConnection } from '@shop/platform';
import { freshDatabase } from '@shop/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { demoProducts } from './demo-products.ts';
import { pageCursor } from './page-cursor.ts';
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
    const rows = await database.query<{ key: string; payload: string }>(`SELECT key, payload FROM outbox WHERE topic = 'catalog.products' ORDER BY key`);
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

describe('products', () => {
  it('come page by page, by name, each once', async () => {
    const seen: ProductView[] = [];
    for (let cursor: string | undefined; ; ) {
      const { value: page } = await queries.page({ limit: 70, cursor: cursor === undefined ? undefined : pageCursor.parse(cursor) });
      seen.push(...page.items);
      cursor = page.nextCursor;
      if (cursor === undefined) break;
    }
    expect(seen.map(({ name }) => name)).toEqual(products.map(({ name }) => name).sort());
    expect(new Set(seen.map(({ id }) => id)).size).toBe(1_000);
  });

  it('are read from the index, however deep the page', async () => {
    const [plan] = await database.query<{ 'QUERY PLAN': [{ Plan: object }] }>(
      `EXPLAIN (FORMAT JSON) SELECT id FROM products WHERE active AND name >= 'Oak' AND (name > 'Oak' OR id > '00000000-0000-0000-0000-000000000000')
       ORDER BY name, id LIMIT 21`,
    );
    expect(JSON.stringify(plan?.['QUERY PLAN'])).toMatch(/"Index Name":"products_by_name".*"Index Cond":"\(name >= 'Oak'/);
  });

  it('show one with what is free of it', async () => {
    const mug = products.find(({ sku }) => sku === 'DEMO-MUG');
    const { stock, ...rest } = mug as NonNullable<typeof mug>;
    expect((await queries.one(rest.id)).value).toEqual({ product: { ...rest, available: stock }, version: 1 });
  });

  it('that are off sale are not there', async () => {
    const { id, name } = products[5] as (typeof products)[number];
    await database.query('UPDATE products SET active = false WHERE id = $1', [id]);
    await expect(queries.one(id)).rejects.toMatchObject({ kind: 'not-found', code: 'product-not-found' });
    const { value: { items } } = await queries.page({ limit: 100, cursor: { name, id: '00000000-0000-0000-0000-000000000000' } });
    expect(items.map((item) => item.id)).not.toContain(id);
    await database.query('UPDATE products SET active = true WHERE id = $1', [id]);
  });
});
