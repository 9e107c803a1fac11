import { productView } from '@shop/contracts';
import { describe, expect, it } from 'vitest';
import { demoProducts } from './demo-products.ts';

describe('the demo products', () => {
  const products = demoProducts();

  it('are a thousand, each with its own id, sku and name', () => {
    for (const field of ['id', 'sku', 'name'] as const)
      expect(new Set(products.map((product) => product[field])).size).toBe(1_000);
  });

  it('are the same each time, in id order', () => {
    expect(demoProducts()).toEqual(products);
    expect(products.map((product) => product.id)).toEqual(products.map((product) => product.id).sort());
  });

  it('can be shown', () => {
    for (const { stock, ...product } of products) productView.parse({ ...product, available: stock });
  });

  it('have a mug in plenty and a poster that is sold out, both first by name', () => {
    const stock = new Map(products.map((product) => [product.sku, product.stock]));
    expect([stock.get('DEMO-MUG'), stock.get('SOLD-OUT')]).toEqual([1_000_000, 0]);
    expect(
      products
        .map((product) => product.name)
        .sort()
        .slice(0, 2),
    ).toEqual(['Ablation Mug', 'Ablation Poster']);
  });
});
