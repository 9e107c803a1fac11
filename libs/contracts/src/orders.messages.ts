import { z } from 'zod';
import { amount, currency, id, quantity } from './api/primitives.ts';
import { message } from './message.ts';

const fact = { topic: 'orders.events', source: '/orders', kind: 'event' } as const;
const about = { orderId: id, customerId: id };

/** A line as it was priced when the order was placed. */
export const orderLine = z.object({ productId: id, name: z.string(), quantity, unitPrice: amount });

/** Why an order ended without a sale. */
export const cancellationReason = z.enum(['out-of-stock', 'payment-declined', 'customer', 'timed-out']);
export type CancellationReason = z.infer<typeof cancellationReason>;

export const orderPlaced = message({
  ...fact,
  type: 'orders.order-placed.v1',
  summary: 'A customer ordered; prices are fixed from here on.',
  data: z.object({ ...about, lines: z.array(orderLine).min(1), total: amount, currency }),
});
export const orderStockReserved = message({
  ...fact,
  type: 'orders.stock-reserved.v1',
  summary: 'Catalog has set every line aside.',
  data: z.object({ ...about }),
});
export const orderStockRefused = message({
  ...fact,
  type: 'orders.stock-refused.v1',
  summary: 'At least one line is not to be had; the order is cancelled next.',
  data: z.object({ ...about, productIds: z.array(id) }),
});
export const orderPaymentAuthorised = message({
  ...fact,
  type: 'orders.payment-authorised.v1',
  summary: 'The payment provider holds the money.',
  data: z.object({ ...about, paymentId: z.string() }),
});
export const orderPaymentDeclined = message({
  ...fact,
  type: 'orders.payment-declined.v1',
  summary: 'The payment provider said no; the order is cancelled next.',
  data: z.object({ ...about, reason: z.string() }),
});
export const orderConfirmed = message({
  ...fact,
  type: 'orders.order-confirmed.v1',
  summary: 'The sale stands.',
  data: z.object({ ...about, total: amount, currency }),
});
export const orderCancelled = message({
  ...fact,
  type: 'orders.order-cancelled.v1',
  summary: 'The order ended; whatever was held for it is given back.',
  data: z.object({ ...about, reason: cancellationReason, total: amount, currency }),
});
