import { EventStore, PostgresOutbox } from '@shop/eventing';
import { OrderListRebuild, orderUpcasters, type Compared, type Mended } from '@shop/orders';
import type { Database } from '@shop/platform';
import { audited } from './audit.ts';
import { inDatabase, type OperatedShop } from './operated-shop.ts';

/** What a rebuild has done, and whether the list is now what the events make it. */
export interface Rebuilt {
  readonly mended: Mended;
  readonly compared: Compared;
}

const orderList = (database: Database) => new OrderListRebuild(database, new EventStore(database, new PostgresOutbox(), orderUpcasters));

/** Compares the list of orders with the orders' events, and changes nothing. `patience` is for messages under way, in ms. */
export function checkOrders(shop: OperatedShop, patience?: number): Promise<Compared> {
  return inDatabase(shop, 'orders', (_, database) => orderList(database).compare({ patience }));
}

/** Whether the list is what the events make it. */
export const agrees = ({ projection, folded }: Compared) => projection === folded;

/** Makes the list anew from the events, while orders flow, and compares. */
export function rebuildOrders(shop: OperatedShop, patience?: number): Promise<Rebuilt> {
  return inDatabase(shop, 'orders', async (sql, database) => {
    const rebuild = orderList(database);
    const done: { mended?: Mended; compared?: Compared } = {};
    await audited(sql, { action: 'rebuild', consumer: 'orders.list' }, async () => {
      done.mended = await rebuild.mend();
      done.compared = await rebuild.compare({ patience });
      return `${done.mended.wrong} of ${done.mended.orders} were wrong; the hashes ${agrees(done.compared) ? 'agree' : 'differ'}`;
    });
    return done as Rebuilt;
  });
}
