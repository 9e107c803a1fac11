import { z } from 'zod';
import { orderView } from './orders.ts';
import { id } from './primitives.ts';
import { productView } from './products.ts';

const most = 100;

/** Several things by their ids, in one request: `?ids=a,b,c`. */
const query = z.object({
  ids: z
    .string()
    .max(most * 37)
    .transform((list) => list.split(','))
    .pipe(z.array(id).min(1).max(most)),
});
export type ManyIds = z.infer<typeof query>;

/** How one asks for several things at once, and how many at most. */
export const manyIds = { query, most } as const;

/** Those of the products asked for that are on sale, in no order. */
export const productViews = z.object({ items: z.array(productView) });
/** Those of the orders asked for that are the caller's, in no order. */
export const orderViews = z.object({ items: z.array(orderView) });
