import { z } from 'zod';
import { cancellationReason } from '../orders.messages.ts';
import { orderStatus } from './orders.ts';
import { id, instant } from './primitives.ts';

/** An order as it was after one of its events. */
export const orderState = z.object({
  orderId: id,
  version: z.int().min(1),
  status: orderStatus,
  cancellation: cancellationReason.optional(),
  at: instant,
});
export type OrderStateView = z.infer<typeof orderState>;

/** `after`: the last version that was seen. Without it, only the state that the order is in. */
export const orderStatesQuery = z.object({ after: z.coerce.number().int().min(0).max(1_000_000).optional() });
export type OrderStatesQuery = z.infer<typeof orderStatesQuery>;

/** In order of their versions, none left out. */
export const orderStates = z.object({ items: z.array(orderState) });
export type OrderStates = z.infer<typeof orderStates>;
