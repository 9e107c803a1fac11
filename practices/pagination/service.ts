import { orderQuery, type OrderPage } from '@shop/contracts';
import type { Database } from '@shop/platform';
import { serve, takePart } from '../lab/part.ts';
import { CountingDatabase } from './counting-database.ts';
import { KeysetList, OffsetList, TimeOnlyList, type Place, type Readable } from './lists.ts';

/** A page: behind a place that was seen earlier, or where the page before said. */
export interface Wish {
  readonly customer: string;
  readonly limit: number;
  readonly from: Place | { readonly cursor: string } | undefined;
}

export interface Told {
  readonly page: OrderPage;
  readonly rowsRead: number;
}

const lists: Record<string, new (database: Database) => Readable> = {
  offset: OffsetList,
  'time only': TimeOnlyList,
  keyset: KeysetList,
};

const { variant, database, databaseUrl } = takePart();
// One connection: pages come one after the other, and each is counted by itself.
const counting = new CountingDatabase(databaseUrl, { size: 1, application: 'practice' });
const list = new (lists[variant] ?? KeysetList)(counting);

serve<Wish>(
  async ({ customer, limit, from }): Promise<Told> => {
    const question = orderQuery.parse({ limit, 'filter[status]': 'placed' });
    const cursor = from && ('cursor' in from ? from.cursor : list.behind(from, question));
    counting.rowsRead = 0;
    const page = await list.page(customer, { ...question, cursor });
    return { page, rowsRead: counting.rowsRead };
  },
  () => Promise.all([counting.close(), database.close()]),
);
