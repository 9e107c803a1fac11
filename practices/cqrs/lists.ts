import { orderQuery } from '@shop/contracts';
import type { z } from 'zod';
import { OrderList } from '@shop/orders';
import { serve, takePart } from '../lab/part.ts';
import { FoldedList } from './folded-list.ts';

/** A process that answers lists and does nothing else, so that what the database reads meanwhile is read for them. */
const { variant, database } = takePart();
const list = new (variant === 'read model' ? OrderList : FoldedList)(database);

serve<z.input<typeof orderQuery> & { customer: string }>(
  ({ customer, ...query }) => list.page(customer, orderQuery.parse(query)),
  () => database.close(),
);
