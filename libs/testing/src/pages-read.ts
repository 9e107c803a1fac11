/** One connection: the counts of a table are sent by the session that made them. */
interface Session {
  query<T extends object>(sql: string, values?: unknown[]): Promise<T[]>;
}

/** How many pages of a table and its indexes `work` touches, which has to go by this one connection. */
export async function pagesRead(session: Session, table: string, work: () => Promise<unknown>): Promise<number> {
  const touched = async () => {
    await session.query('SELECT pg_stat_force_next_flush()');
    const [row] = await session.query<{ pages: string }>(
      `SELECT coalesce(heap_blks_hit + heap_blks_read, 0) + coalesce(idx_blks_hit + idx_blks_read, 0) AS pages FROM pg_statio_user_tables WHERE relname = $1`,
      [table],
    );
    return Number(row?.pages);
  };
  const before = await touched();
  await work();
  return (await touched()) - before;
}
