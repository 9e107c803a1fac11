import type { CancellationReason } from '@shop/contracts';
import { EventStore, VersionConflict, type Append, type PostgresOutbox, type RecordedEvent } from '@shop/eventing';
import type { OrderEvent } from '@shop/orders';
import type { Database } from '@shop/platform';

type Status = 'placed' | 'reserved' | 'confirmed' | 'cancelled';

interface Row {
  status: Status;
  reason: CancellationReason | null;
  placed: object;
  created_at: Date;
  updated_at: Date;
}

/** One row for each order, and the log that some keep beside it. */
export const tables = `
  CREATE TABLE orders (
    id uuid PRIMARY KEY, status text NOT NULL, reason text, placed jsonb NOT NULL, created_at timestamptz NOT NULL, updated_at timestamptz NOT NULL);
  CREATE TABLE audit_log (n bigint GENERATED ALWAYS AS IDENTITY, order_id uuid NOT NULL, entry jsonb NOT NULL, at timestamptz NOT NULL);
`;

const statuses: Partial<Record<OrderEvent['type'], Status>> = {
  OrderPlaced: 'placed',
  StockReserved: 'reserved',
  OrderConfirmed: 'confirmed',
  OrderCancelled: 'cancelled',
};

/**
 * The port of the event store, filled by what most services have: one row that is as it is now. It is as careful as it
 * can be: it knows when the row was made and last changed, and why an order was cancelled; of two who change the same
 * row at once, one has to look again.
 */
export class StatusColumn extends EventStore {
  readonly #database: Database;

  constructor(database: Database, outbox: PostgresOutbox) {
    super(database, outbox);
    this.#database = database;
  }

  override async append({ stream, expectedVersion, events, recordedAt }: Append): Promise<void> {
    const [first] = events as readonly OrderEvent[];
    const last = events.at(-1) as OrderEvent;
    const reason = last.type === 'OrderCancelled' ? last.reason : undefined;
    const written =
      expectedVersion === 0
        ? await this.#database.query(
            `INSERT INTO orders (id, status, placed, created_at, updated_at) VALUES ($1, 'placed', $2, $3, $3) ON CONFLICT DO NOTHING RETURNING 1`,
            [stream, JSON.stringify(first), recordedAt],
          )
        : await this.#database.query(
            'UPDATE orders SET status = $2, reason = $3, updated_at = $4 WHERE id = $1 AND status = $5 RETURNING 1',
            [stream, statuses[last.type], reason, recordedAt, expectedVersion === 1 ? 'placed' : 'reserved'],
          );
    if (written.length === 0) throw new VersionConflict();
  }

  /** What the row tells of what has happened: how it began, and how it is. */
  override async load<E extends { type: string }>(stream: string): Promise<RecordedEvent<E>[]> {
    const [row] = await this.#database.query<Row>(
      'SELECT status, reason, placed, created_at, updated_at FROM orders WHERE id = $1',
      [stream],
    );
    if (!row) return [];
    const began = { version: 1, recordedAt: row.created_at.toISOString(), event: row.placed as E };
    const since = { version: 2, recordedAt: row.updated_at.toISOString() };
    switch (row.status) {
      case 'placed':
        return [began];
      case 'reserved':
        return [began, { ...since, event: { type: 'StockReserved' } as unknown as E }];
      case 'confirmed':
        return [began, { ...since, event: { type: 'OrderConfirmed' } as unknown as E }];
      case 'cancelled':
        return [began, { ...since, event: { type: 'OrderCancelled', reason: row.reason } as unknown as E }];
    }
  }
}
