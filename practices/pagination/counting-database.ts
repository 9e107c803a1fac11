import { Database } from '@shop/platform';

/**
 * The product's database, which also asks Postgres how many rows of the list each statement has read: in a transaction,
 * because what a connection has counted is not handed on before the transaction ends, and so nothing of anybody else is
 * in between.
 */
export class CountingDatabase extends Database {
  /** Rows read since this was last set to nought. */
  rowsRead = 0;

  override async query<T extends object = Record<string, unknown>>(
    text: string,
    values?: unknown[],
    name?: string,
  ): Promise<T[]> {
    return this.transaction(async (tx) => {
      const read = async () => (await tx.query<{ rows: number }>(soFar))[0]?.rows ?? 0;
      const before = await read();
      const rows = await tx.query<T>(text, values, name);
      this.rowsRead += (await read()) - before;
      return rows;
    });
  }
}

/** Also those that the statement read and then threw away: by OFFSET, or because a condition did not hold. */
const soFar = `SELECT (coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::int AS rows FROM pg_stat_xact_user_tables WHERE relname = 'order_list'`;
