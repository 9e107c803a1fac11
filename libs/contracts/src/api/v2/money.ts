import { z } from 'zod';
import { amount, currency } from '../primitives.ts';

/** An amount and its currency, which belong together. */
export const money = z.object({ amount, currency }).meta({ id: 'Money' });
export type MoneyView = z.infer<typeof money>;

/** A page of a list: `page.next` is where it goes on, absent on the last. */
export const pageOf = <T extends z.ZodType>(id: string, item: T) =>
  z.object({ data: z.array(item), page: z.object({ next: z.string().optional() }) }).meta({ id });
