import {
  orderCancelled,
  orderConfirmed,
  orderPlaced,
  orderStockReserved,
  type CloudEvent,
  type MessageOf,
  type OrderStatus,
} from '@shop/contracts';
import type { RecordedEvent } from '@shop/eventing';
import type { Transaction } from '@shop/platform';
import { order, type Order, type OrderEvent } from './domain/order.ts';
import { orderProcess } from './order-process.ts';

/** A row of the list of orders. */
export interface ListedOrder {
  readonly id: string;
  readonly customer: string;
  readonly status: OrderStatus;
  readonly total: number;
  readonly currency: string;
  readonly placedAt: string;
  /** The last version folded in: the next one must be this plus one. */
  readonly version: number;
}

const columns = [
  'id',
  'customer',
  'status',
  'total',
  'currency',
  'placedAt',
  'version',
] as const satisfies (keyof ListedOrder)[];

/** As much of an order's message as the list looks at. */
export type Heard = Pick<CloudEvent, 'type' | 'subject' | 'sequence' | 'time' | 'data'>;

const statusAfter: Readonly<Record<string, OrderStatus>> = {
  [orderStockReserved.type]: 'reserved',
  [orderConfirmed.type]: 'confirmed',
  [orderCancelled.type]: 'cancelled',
};

/**
 * The row after one more message about its order. There is this one way to fold the list, for the consumer that follows
 * the events and for a rebuild from the store. Every version is noted, also of messages that change nothing else; one
 * that was seen before changes nothing at all. The next version and no other: a gap means that something was lost or
 * overtaken, and is thrown, not papered over.
 */
export function listed(before: ListedOrder | undefined, { type, subject, sequence, time, data }: Heard): ListedOrder {
  const [version, seen] = [Number(sequence), before?.version ?? 0];
  if (before && version <= seen) return before;
  if (version !== seen + 1) throw new Error(`order ${subject}: version ${version} came after ${seen}`);
  if (before) return { ...before, status: statusAfter[type] ?? before.status, version };
  if (type !== orderPlaced.type) throw new Error(`order ${subject} begins with ${type}`);
  const { orderId, customerId, total, currency } = data as MessageOf<typeof orderPlaced>['data'];
  return { id: orderId, customer: customerId, status: 'placed', total, currency, placedAt: time, version };
}

/**
 * What the events of one order make of its row: each is told again as it was told when it was appended, and heard.
 * Without events there is no row; an Error says why these make none.
 */
export function listedFrom(events: readonly RecordedEvent<OrderEvent>[]): ListedOrder | undefined | Error {
  let [state, row]: [Order, ListedOrder | undefined] = [order.initial, undefined];
  try {
    for (const { version, recordedAt, event } of events) {
      state = order.evolve(state, event);
      const fact = orderProcess.announce(event, state, version).find(({ sequence }) => sequence === version);
      if (fact)
        row = listed(row, {
          type: fact.contract.type,
          subject: fact.key,
          sequence: String(version),
          time: recordedAt,
          data: fact.data,
        });
    }
    return row;
  } catch (error) {
    return error as Error;
  }
}

/** One text for equal rows, whatever the order of their fields. */
export function rowText(row: ListedOrder | undefined | Error): string {
  if (!row) return 'none';
  return row instanceof Error ? row.message : JSON.stringify(columns.map((column) => row[column]));
}

/** What is wrong with a row, by what its order's events make it; undefined when they agree. */
export function difference(row: ListedOrder | undefined, made: ListedOrder | undefined | Error): string | undefined {
  if (made instanceof Error) return `cannot be folded: ${made.message}`;
  if (!made) return row && 'there is no such order';
  if (!row) return 'is missing';
  const fields = columns.filter((column) => row[column] !== made[column]);
  return fields.length === 0
    ? undefined
    : fields.map((field) => `${field} is ${row[field]}, not ${made[field]}`).join(', ');
}

type Row = Omit<ListedOrder, 'total' | 'placedAt'> & { total: string; placedAt: Date };

/**
 * The rows of these orders that are there, by id; locked, so that they stay as they are until the transaction ends, or
 * only looked at.
 */
export async function listedRows(
  tx: Transaction,
  ids: readonly string[],
  { lock }: { lock: boolean },
): Promise<Map<string, ListedOrder>> {
  const rows = await tx.query<Row>(
    `SELECT id, customer, status, total, currency, placed_at AS "placedAt", version FROM order_list WHERE id = ANY($1) ORDER BY id ${lock ? 'FOR UPDATE' : ''}`,
    [ids],
    lock ? 'order-list-lock' : 'order-list-look',
  );
  return new Map(
    rows.map((row) => [row.id, { ...row, total: Number(row.total), placedAt: row.placedAt.toISOString() }]),
  );
}

/**
 * Writes rows over those that the caller has locked; over one that somebody else has written meanwhile only if that has
 * seen less.
 */
export async function storeListed(
  tx: Transaction,
  rows: readonly ListedOrder[],
  locked: readonly string[],
): Promise<void> {
  if (rows.length === 0) return;
  await tx.query(
    `INSERT INTO order_list (id, customer, status, total, currency, placed_at, version)
     SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[], $5::text[], $6::timestamptz[], $7::int[])
     ON CONFLICT (id) DO UPDATE SET customer = excluded.customer, status = excluded.status, total = excluded.total,
       currency = excluded.currency, placed_at = excluded.placed_at, version = excluded.version
     WHERE order_list.version < excluded.version OR order_list.id = ANY($8)`,
    [...columns.map((column) => rows.map((row) => row[column])), locked],
    'order-list-store',
  );
}
