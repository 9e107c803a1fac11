import { z } from 'zod';
import { amount, currency, id, quantity } from './api/primitives.ts';
import { message } from './message.ts';

const step = { topic: 'catalog.commands', source: '/orders', kind: 'command' } as const;
const outcome = { topic: 'catalog.stock', source: '/catalog', kind: 'event' } as const;

/** Set these aside for an order: all lines or none. */
export const reserveStock = message({
  ...step,
  type: 'catalog.reserve-stock.v1',
  data: z.object({ orderId: id, lines: z.array(z.object({ productId: id, quantity })).min(1) }),
});
/** Give back what the order holds; without a reservation this only forbids a later one. */
export const releaseStock = message({ ...step, type: 'catalog.release-stock.v1', data: z.object({ orderId: id }) });
/** The sale stands: what was reserved is sold. */
export const commitStock = message({ ...step, type: 'catalog.commit-stock.v1', data: z.object({ orderId: id }) });

export const stockReserved = message({ ...outcome, type: 'catalog.stock-reserved.v1', data: z.object({ orderId: id }) });
export const stockRefused = message({
  ...outcome,
  type: 'catalog.stock-refused.v1',
  data: z.object({ orderId: id, shortages: z.array(z.object({ productId: id, requested: z.int(), available: z.int() })).min(1) }),
});
export const stockReleased = message({ ...outcome, type: 'catalog.stock-released.v1', data: z.object({ orderId: id }) });
export const stockCommitted = message({ ...outcome, type: 'catalog.stock-committed.v1', data: z.object({ orderId: id }) });

/** The whole product as it now is; `sequence` is its version. */
export const productChanged = message({
  topic: 'catalog.products',
  source: '/catalog',
  kind: 'event',
  type: 'catalog.product-changed.v1',
  data: z.object({ productId: id, name: z.string(), price: amount, currency, active: z.boolean() }),
});
