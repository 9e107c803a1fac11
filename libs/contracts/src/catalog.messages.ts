import { z } from 'zod';
import { amount, currency, id, quantity } from './api/primitives.ts';
import { message } from './message.ts';

const step = { topic: 'catalog.commands', source: '/orders', kind: 'command' } as const;
const outcome = { topic: 'catalog.stock', source: '/catalog', kind: 'event' } as const;

export const reserveStock = message({
  ...step,
  type: 'catalog.reserve-stock.v1',
  summary: 'Set these aside for an order: all lines or none.',
  data: z.object({ orderId: id, lines: z.array(z.object({ productId: id, quantity })).min(1) }),
});
export const releaseStock = message({
  ...step,
  type: 'catalog.release-stock.v1',
  summary: 'Give back what the order holds; without a reservation this only forbids a later one.',
  data: z.object({ orderId: id }),
});
export const commitStock = message({
  ...step,
  type: 'catalog.commit-stock.v1',
  summary: 'The sale stands: what was reserved is sold.',
  data: z.object({ orderId: id }),
});

export const stockReserved = message({
  ...outcome,
  type: 'catalog.stock-reserved.v1',
  summary: 'Every line of the order is set aside.',
  data: z.object({ orderId: id }),
});
export const stockRefused = message({
  ...outcome,
  type: 'catalog.stock-refused.v1',
  summary: 'At least one line is not to be had; nothing is set aside.',
  data: z.object({
    orderId: id,
    shortages: z.array(z.object({ productId: id, requested: z.int(), available: z.int() })).min(1),
  }),
});
export const stockReleased = message({
  ...outcome,
  type: 'catalog.stock-released.v1',
  summary: 'The order holds nothing any more.',
  data: z.object({ orderId: id }),
});
export const stockCommitted = message({
  ...outcome,
  type: 'catalog.stock-committed.v1',
  summary: 'What the order held is sold.',
  data: z.object({ orderId: id }),
});

export const productChanged = message({
  topic: 'catalog.products',
  source: '/catalog',
  kind: 'event',
  type: 'catalog.product-changed.v1',
  summary: 'The whole product as it now is; `sequence` is its version.',
  data: z.object({
    productId: id,
    name: z.string(),
    price: amount,
    currency,
    active: z.boolean(),
    /** Announced again as it is, not changed: whoever has this version learns nothing new. */
    snapshot: z.literal(true).optional(),
  }),
});

/** In so many parts, by the last byte of their id, copies of the products are compared. */
export const copyBuckets = 64;
const bucket = z
  .int()
  .min(0)
  .max(copyBuckets - 1);

export const productsSummary = message({
  topic: 'catalog.copies',
  kind: 'note',
  source: '/catalog',
  type: 'catalog.products-summary.v1',
  summary:
    'How many products there are in each bucket, and the digest of their announced fields; caused by the question that it answers, if any.',
  data: z.object({
    copy: z.literal('products'),
    buckets: z.array(z.object({ bucket, rows: z.int().min(1), digest: z.string() })).max(copyBuckets),
  }),
});
export const announceProducts = message({
  topic: 'catalog.copies',
  kind: 'command',
  source: '/orders',
  type: 'catalog.announce-products.v1',
  summary: 'Announce the products of these buckets again: a copy of them is not whole.',
  data: z.object({
    copy: z.literal('products'),
    consumer: z.string().min(1),
    buckets: z.array(bucket).min(1).max(copyBuckets),
  }),
});
