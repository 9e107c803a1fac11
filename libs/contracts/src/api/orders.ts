import { z } from 'zod';
import { cancellationReason, orderLine } from '../orders.messages.ts';
import { paymentToken } from '../payments.messages.ts';
import { amount, currency, cursor, id, inQuery, instant, limit, quantity } from './primitives.ts';

export const placeOrder = z
  .object({
    lines: z
      .array(z.object({ productId: id, quantity }))
      .min(1)
      .max(50)
      .refine(
        (lines) => new Set(lines.map((line) => line.productId)).size === lines.length,
        'Each product once; use its quantity.',
      ),
    paymentToken,
  })
  .meta({ id: 'PlaceOrder' });
export type PlaceOrder = z.infer<typeof placeOrder>;

/** How far an order is: placed → reserved → confirmed, or cancelled from any of the first two. */
export const orderStatus = z.enum(['placed', 'reserved', 'confirmed', 'cancelled']);
export type OrderStatus = z.infer<typeof orderStatus>;

export const orderView = z
  .object({
    id,
    status: orderStatus,
    lines: z.array(orderLine),
    total: amount,
    currency,
    cancellation: cancellationReason.optional(),
    placedAt: instant,
    /** How many events made it what it is; also its ETag. */
    version: z.int().min(1),
  })
  .meta({ id: 'Order' });
export type OrderView = z.infer<typeof orderView>;

export const orderSummary = z
  .object({ id, status: orderStatus, total: amount, currency, placedAt: instant, version: z.int().min(1) })
  .meta({ id: 'OrderSummary' });
export type OrderSummary = z.infer<typeof orderSummary>;

/** Which of one's orders, and in which order. `-` puts the largest, and so the newest, first. */
export const orderQuery = z.object({
  limit,
  cursor,
  sort: z.enum(['placedAt', '-placedAt', 'total', '-total']).default('-placedAt'),
  'filter[status]': orderStatus.optional(),
  'filter[placedAt][gte]': instant.optional(),
  'filter[placedAt][lt]': instant.optional(),
  'filter[total][gte]': inQuery(amount).optional(),
  'filter[total][lte]': inQuery(amount).optional(),
});
export type OrderQuery = z.infer<typeof orderQuery>;

/** From the read model: it may lag behind by the length of the outbox. */
export const orderPage = z
  .object({ items: z.array(orderSummary), nextCursor: z.string().optional() })
  .meta({ id: 'OrderPage' });
export type OrderPage = z.infer<typeof orderPage>;

/** What happened to an order, oldest first. */
export const orderHistory = z
  .object({
    id,
    events: z.array(
      z.object({
        version: z.int().min(1),
        type: z.string(),
        recordedAt: instant,
        data: z.record(z.string(), z.unknown()),
      }),
    ),
  })
  .meta({ id: 'OrderHistory' });
export type OrderHistory = z.infer<typeof orderHistory>;

/** A client's own name for one attempt to do something; the same key again gives the first answer again. */
export const idempotencyKey = z
  .string()
  .min(8)
  .max(128)
  .regex(/^[\x21-\x7e]+$/);
