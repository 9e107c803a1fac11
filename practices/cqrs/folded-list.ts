import type { OrderPage, OrderQuery, OrderSummary } from '@shop/contracts';
import { fold, upcast, type StoredEvent } from '@shop/kernel';
import { order, OrderList, orderUpcasters, type OrderEvent } from '@shop/orders';
import type { Database } from '@shop/platform';

interface Row extends StoredEvent {
  readonly stream: string;
  readonly version: number;
  readonly recordedAt: Date;
}

/** Larger than every id. */
const BEYOND = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/**
 * The list without a read model: finds the customer's newest orders in the event store, reads their streams and folds
 * them, as GET of one order does. As careful as it can be: one statement, only the streams of the page, never behind.
 */
export class FoldedList extends OrderList {
  readonly #events: Database;

  constructor(database: Database) {
    super(database);
    this.#events = database;
  }

  override async page(customer: string, { limit, cursor }: OrderQuery): Promise<OrderPage> {
    const rows = await this.#events.query<Row>(
      `WITH page AS (
         SELECT stream FROM events
         WHERE type = 'OrderPlaced' AND data ->> 'customerId' = $1 AND stream < $2
         ORDER BY stream DESC LIMIT $3)
       SELECT stream, version, type, schema_version AS "schemaVersion", data, recorded_at AS "recordedAt"
       FROM page JOIN events USING (stream) ORDER BY stream DESC, version`,
      [customer, cursor ?? BEYOND, limit + 1],
      'folded-list-page',
    );
    const found = [...Map.groupBy(rows, ({ stream }) => stream).values()];
    const items = found.slice(0, limit).map(summary);
    const last = items.at(-1);
    return found.length > limit && last ? { items, nextCursor: last.id } : { items };
  }
}

/** What the event store lacks to find a customer's orders: an index into the data of its events. */
export const indexOfCustomers = `CREATE INDEX events_of_customer ON events ((data ->> 'customerId'), stream DESC) WHERE type = 'OrderPlaced'`;

function summary(stream: Row[]): OrderSummary {
  const state = fold(
    order,
    stream.map((row) => upcast<OrderEvent>(row, orderUpcasters)),
  );
  if (state.status === 'none') throw new Error('a stream that is empty');
  const { orderId: id, status, total, currency } = state;
  return { id, status, total, currency, placedAt: (stream[0] as Row).recordedAt.toISOString(), version: stream.length };
}
