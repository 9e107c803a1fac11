import { EventStore, PostgresOutbox, type Append, type RecordedEvent } from '@shop/eventing';
import { orderUpcasters, type OrderEvent } from '@shop/orders';
import type { Database } from '@shop/platform';
import { StatusColumn } from './status-column.ts';

/** What a service works on, and what it is asked about the past. */
export interface Memory {
  readonly store: EventStore;
  history(orderId: string): Promise<RecordedEvent<OrderEvent>[]>;
}

/** `committed` is called right after the commit of a change, in each of them: a process may be killed there. */
export type Open = (database: Database, committed: (change: Append) => void) => Memory;

export const memories: Readonly<Record<string, Open>> = {
  'status column': (database, committed) => {
    const store = new (class extends StatusColumn {
      override async append(change: Append): Promise<void> {
        await super.append(change);
        committed(change);
      }
    })(database, new PostgresOutbox());
    return { store, history: (orderId) => store.load<OrderEvent>(orderId) };
  },

  /** An audit log as an interceptor writes it: what was done, once it is done, and before anybody is told. */
  'audit log': (database, committed) => {
    const store = new (class extends StatusColumn {
      override async append(change: Append): Promise<void> {
        await super.append(change);
        committed(change);
        const rows = change.events.map((event) => JSON.stringify(event));
        await database.query('INSERT INTO audit_log (order_id, entry, at) SELECT $1, unnest($2::jsonb[]), $3', [
          change.stream,
          rows,
          change.recordedAt,
        ]);
      }
    })(database, new PostgresOutbox());
    const sql =
      'SELECT row_number() OVER (ORDER BY n)::int AS version, at AS "recordedAt", entry AS event FROM audit_log WHERE order_id = $1 ORDER BY n';
    return {
      store,
      history: async (orderId) => {
        const rows = await database.query<{ version: number; recordedAt: Date; event: OrderEvent }>(sql, [orderId]);
        return rows.map((row) => ({ ...row, recordedAt: row.recordedAt.toISOString() }));
      },
    };
  },

  'event sourcing': (database, committed) => {
    const store = new (class extends EventStore {
      override async append(change: Append): Promise<void> {
        await super.append(change);
        committed(change);
      }
    })(database, new PostgresOutbox(), orderUpcasters);
    return { store, history: (orderId) => store.load<OrderEvent>(orderId) };
  },
};
