import type pg from 'pg';

/**
 * Up to which id the owned shards of the outbox are settled: every such message is published, or was rolled back.
 * Reading begins behind it. It decides nothing, it saves reading: as long as anybody on the server holds an old
 * snapshot, deleted rows stay where they were, at the beginning of each queue, and every poll would wade through all of
 * them.
 *
 * An id counts as given out when the sequence has reached it. Who has been given one holds a lock on the table until it
 * is through. So once nobody is left of those who wrote at a moment, no message up to that moment's last id can appear
 * any more.
 */
export class Settled {
  #upTo = '0';
  #next: { readonly last: string; readonly writers: ReadonlySet<string> } | undefined;

  get upTo(): string {
    return this.#upTo;
  }

  /** Other shards are owned now. */
  forget(): void {
    [this.#upTo, this.#next] = ['0', undefined];
  }

  /** To be called every now and then, between batches. */
  async advance(client: pg.Client, shards: ReadonlySet<number>): Promise<void> {
    // In this order: who is given an id after the first has its lock before the second.
    const last = await given(client);
    const writers = await writing(client);
    if (this.#next && ![...this.#next.writers].some((transaction) => writers.has(transaction))) {
      if (await anyLeft(client, shards, this.#upTo, this.#next.last)) return;
      this.#upTo = this.#next.last;
      this.#next = undefined;
    }
    this.#next ??= { last, writers };
  }
}

async function given(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ last: string }>({
    name: 'outbox-given',
    text: 'SELECT (CASE WHEN is_called THEN last_value ELSE 0 END)::text AS last FROM outbox_id_seq',
  });
  return rows[0]?.last ?? '0';
}

async function writing(client: pg.Client): Promise<Set<string>> {
  const { rows } = await client.query<{ transaction: string }>({
    name: 'outbox-writing',
    text: `SELECT virtualtransaction AS transaction FROM pg_locks
           WHERE locktype = 'relation' AND relation = 'outbox'::regclass AND mode = 'RowExclusiveLock'
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
  });
  return new Set(rows.map(({ transaction }) => transaction));
}

async function anyLeft(client: pg.Client, shards: ReadonlySet<number>, from: string, to: string): Promise<boolean> {
  const { rows } = await client.query({
    name: 'outbox-left',
    text: `SELECT 1 FROM unnest($1::smallint[]) AS owned(shard)
           CROSS JOIN LATERAL (SELECT 1 FROM outbox WHERE outbox.shard = owned.shard AND id > $2 AND id <= $3 ORDER BY id LIMIT 1) AS left_over LIMIT 1`,
    values: [[...shards], from, to],
  });
  return rows.length > 0;
}
