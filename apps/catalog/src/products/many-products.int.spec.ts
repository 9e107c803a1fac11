import { PostgresOutbox } from '@shop/eventing';
import { Database } from '@shop/platform';
import { freshDatabase } from '@shop/testing';
import { randomUUIDv7 } from 'node:crypto';
import { afterAll, expect, it } from 'vitest';
import { demoProducts } from './demo-products.ts';
import { ManyProducts } from './many-products.ts';
import { ProductStore } from './product-store.ts';

const { url } = await freshDatabase('catalog');
const database = new Database(url, { size: 2, application: 'spec' });
const products = demoProducts().slice(0, 5);
await new ProductStore(database, new PostgresOutbox()).add(products);
afterAll(() => database.close());

it('of several products those are found that are on sale, each once', async () => {
  const [first, second, gone] = products.map(({ id }) => id) as [string, string, string];
  await database.query('UPDATE products SET active = false WHERE id = $1', [gone]);
  const found = await new ManyProducts(database).find([first, second, second, gone, randomUUIDv7()]);
  expect(found.map(({ id }) => id).sort()).toEqual([first, second].sort());
  expect(found.find(({ id }) => id === first)).toEqual(
    expect.objectContaining({ sku: products[0]?.sku, available: products[0]?.stock }),
  );
});
