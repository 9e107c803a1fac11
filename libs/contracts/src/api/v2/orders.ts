import { z } from 'zod';
import { orderLine } from '../../orders.messages.ts';
import { orderSummary, orderView } from '../orders.ts';
import { money, pageOf } from './money.ts';

export const orderView2 = orderView
  .omit({ currency: true })
  .extend({ lines: z.array(orderLine.extend({ unitPrice: money })), total: money })
  .meta({ id: 'OrderV2' });
export type OrderView2 = z.infer<typeof orderView2>;

export const orderSummary2 = orderSummary
  .omit({ currency: true })
  .extend({ total: money })
  .meta({ id: 'OrderSummaryV2' });
export type OrderSummary2 = z.infer<typeof orderSummary2>;

export const orderPage2 = pageOf('OrderPageV2', orderSummary2);
export type OrderPage2 = z.infer<typeof orderPage2>;
