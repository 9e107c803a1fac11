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
  data: z.object({ orderId: id, shortages: z.array(z.object({ productId: id, requested: z.int(), available: z.int() })).min(1) }),
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
  data: z.object({ productId: id, name: z.string(), price: amount, currency, active: z.boolean() }),
});
