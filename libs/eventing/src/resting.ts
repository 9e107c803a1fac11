import type { Database, Transaction } from '@shop/platform';
import type { Outbox } from './outbox.ts';
import type { Outgoing } from './outgoing.ts';

/**
 * A table with one row for each order, and the status in which none should stay. Its key is a UUIDv7, so its order is
 * that of time.
 */
export interface Book {
  readonly table: 'reservations' | 'payments';
  readonly status: string;
}

export interface RestingOptions {
  readonly database: Database;
  readonly outbox: Outbox;
  readonly book: Book;
  /** What is said of these orders, once more. */
  readonly tell: (tx: Transaction, orders: readonly string[]) => Promise<Outgoing[]>;
  /** How old an order must be before it rests, in ms. */
  readonly restsAfterMs?: number;
}

/**
 * Rows read at one look: an order is read when it is old enough, and once more a day later. And orders told again at
 * one look, and how long until the next time, in ms.
 */
const [READ_AT_ONCE, TOLD_AT_ONCE, AGAIN_AFTER_MS] = [50_000, 100, 600_000];
/**
 * A row may appear long after its order was placed, and a state may come late: what was not there at the first reading
 * is there at the second.
 */
const READ_AGAIN_AFTER_MS = 86_400_000;
const FIRST = '00000000-0000-0000-0000-000000000000';

/**
 * Finds what rests in one service's book, and tells it again to whoever should have asked for the next step: they
 * compare it with theirs, and ask. Each row is read twice, a day apart, by the table's own key, so it costs no index;
 * what is found is kept until it rests no more. One instance looks at a time.
 */
export class Resting {
  readonly #options: RestingOptions & { restsAfterMs: number };

  constructor(options: RestingOptions) {
    this.#options = { restsAfterMs: 900_000, ...options };
  }

  /** Returns the orders that were told again. */
  async look(): Promise<string[]> {
    const { database, outbox, book, tell, restsAfterMs } = this.#options;
    const told = await database.transaction(async (tx) => {
      await tx.query('INSERT INTO books_looked_through VALUES ($1, $2) ON CONFLICT DO NOTHING', [book.table, FIRST]);
      const [mine] = await tx.query<{ through: string }>(
        'SELECT through FROM books_looked_through WHERE book = $1 FOR UPDATE SKIP LOCKED',
        [book.table],
      );
      if (!mine) return [];
      await this.#walk(tx, book.table, mine.through, restsAfterMs);
      const again = `${book.table}, again`;
      await tx.query('INSERT INTO books_looked_through VALUES ($1, $2) ON CONFLICT DO NOTHING', [again, FIRST]);
      const [late] = await tx.query<{ through: string }>('SELECT through FROM books_looked_through WHERE book = $1', [
        again,
      ]);
      await this.#walk(tx, again, late?.through ?? FIRST, restsAfterMs + READ_AGAIN_AFTER_MS);
      await tx.query(
        `DELETE FROM resting WHERE book = $1 AND NOT EXISTS (SELECT 1 FROM ${book.table} WHERE order_id = key AND status = $2)`,
        [book.table, book.status],
      );
      const due = await tx.query<{ key: string }>(
        `UPDATE resting SET told = told + 1, next_at = clock_timestamp() + $2 * interval '1 millisecond'
         WHERE book = $1 AND key IN (SELECT key FROM resting WHERE book = $1 AND next_at <= now() ORDER BY next_at LIMIT ${TOLD_AT_ONCE}) RETURNING key`,
        [book.table, AGAIN_AFTER_MS],
      );
      const orders = due.map(({ key }) => key);
      if (orders.length > 0) await outbox.add(tx, await tell(tx, orders));
      return orders;
    });
    if (told.length > 0) outbox.wake();
    return told;
  }

  /** One reading: from where it was left to the orders that are so old. */
  async #walk(tx: Transaction, reading: string, from: string, olderThanMs: number): Promise<void> {
    const { book } = this.#options;
    await tx.query(
      `WITH until AS (SELECT (lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint - $4::bigint), 12, '0') || repeat('0', 20))::uuid AS key),
            span AS MATERIALIZED (
              SELECT order_id, status FROM ${book.table} WHERE order_id > $2::uuid AND order_id <= (SELECT key FROM until) ORDER BY order_id LIMIT ${READ_AT_ONCE}),
            found AS (INSERT INTO resting (book, key) SELECT $1, order_id FROM span WHERE status = $3 ON CONFLICT DO NOTHING)
       UPDATE books_looked_through SET through = CASE
         WHEN (SELECT count(*) FROM span) = ${READ_AT_ONCE} THEN (SELECT order_id::text FROM span ORDER BY order_id DESC LIMIT 1)
         ELSE (SELECT greatest(key, $2::uuid)::text FROM until) END
       WHERE book = $5`,
      [book.table, from, book.status, olderThanMs, reading],
      `resting-${book.table}`,
    );
  }
}
