import { id } from '@shop/contracts';
import { fold, upcast, type StoredEvent as StoredForm } from '@shop/kernel';
import { order, orderUpcasters, type Order, type OrderEvent } from '@shop/orders';
import { Obstacle } from '../state.ts';
import { inDatabase, type OperatedShop } from './operated-shop.ts';

/** An event of an order as it is stored. */
export interface StoredEvent {
  readonly version: number;
  readonly recordedAt: Date;
  readonly event: OrderEvent;
}

/** Which moment of an order is meant: after its n-th event, or at a time; absent: now. */
export type Moment = { readonly version: number } | { readonly at: Date } | undefined;

/** An order as it was: what had happened by then, and what it was by that. */
export interface OrderThen {
  readonly version: number;
  readonly happened: readonly StoredEvent[];
  readonly state: Order;
}

/** Every event of an order, oldest first. Throws an Obstacle when there is no such order. */
export async function eventsOf(shop: OperatedShop, orderId: string): Promise<StoredEvent[]> {
  if (!id.safeParse(orderId).success) throw new Obstacle(`"${orderId}" is not the id of an order: those look like 01a2048b-0302-77ae-933f-f0de52be0f15.`);
  const text = 'SELECT version, type, schema_version AS "schemaVersion", data, recorded_at AS "recordedAt" FROM events WHERE stream = $1 ORDER BY version';
  const rows = await inDatabase(shop, 'orders', (sql) => sql<StoredForm & { version: number; recordedAt: Date }>(text, [orderId]));
  if (rows.length === 0) throw new Obstacle(`There is no order ${orderId}.`);
  return rows.map((row) => ({ version: row.version, recordedAt: row.recordedAt, event: upcast<OrderEvent>(row, orderUpcasters) }));
}

/** The order as it was at a moment. Throws an Obstacle for one at which there was no such order. */
export function orderAt(events: readonly StoredEvent[], moment: Moment): OrderThen {
  const happened = events.filter(({ version, recordedAt }) => {
    if (!moment) return true;
    return 'version' in moment ? version <= moment.version : recordedAt <= moment.at;
  });
  const [first, last] = [events[0], events.at(-1)];
  if (moment && 'version' in moment && last && (moment.version < 1 || moment.version > last.version)) {
    throw new Obstacle(`The order has the versions 1 to ${last.version}, and no version ${moment.version}.`);
  }
  if (happened.length === 0) throw new Obstacle(`The order was placed at ${first?.recordedAt.toISOString()}; before that there was none.`);
  return { version: happened.at(-1)?.version ?? 0, happened, state: fold(order, happened.map(({ event }) => event)) };
}

/** The payment token is a secret of the customer's, and nothing an operator needs. */
export function withoutToken<T extends object>(value: T): Omit<T, 'paymentToken'> {
  const { paymentToken: _, ...shown } = value as T & { paymentToken?: unknown };
  return shown;
}
