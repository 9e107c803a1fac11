import { z } from 'zod';
import { amount, currency, cursor, id, limit } from './primitives.ts';

export const productView = z
  .object({ id, sku: z.string(), name: z.string(), description: z.string(), price: amount, currency, available: z.int().min(0) })
  .meta({ id: 'Product' });
export type ProductView = z.infer<typeof productView>;

export const productQuery = z.object({ limit, cursor });
export type ProductQuery = z.infer<typeof productQuery>;

export const productPage = z.object({ items: z.array(productView), nextCursor: z.string().optional() }).meta({ id: 'ProductPage' });
export type ProductPage = z.infer<typeof productPage>;
