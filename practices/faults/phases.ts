import type { Site } from './site.ts';

/** An order that nothing stands in the way of has ended by then. */
export const LATE_MS = 5_000;

export interface Phase {
  readonly from: string;
  readonly to: string;
}

/** The time in which something was so, by the clock of orders' database. */
export async function during(site: Site, what: () => Promise<unknown>): Promise<Phase> {
  const now = async () =>
    (await site.stores.sql<{ now: string }>('orders', 'SELECT clock_timestamp()::text AS now'))[0]?.now ?? '';
  const from = await now();
  await what();
  return { from, to: await now() };
}

export interface Times {
  readonly count: number;
  readonly p50: number;
  readonly p95: number;
  /** That took longer than LATE_MS, or have not ended. */
  readonly late: number;
}

/** How long orders placed in a phase took to their end, by the clock of their database. */
export async function timesOf(
  site: Site,
  { from, to }: Phase,
  which: (key: string) => boolean = () => true,
): Promise<Times> {
  const rows = await site.stores.sql<{ stream: string; ms: number | null }>(
    'orders',
    `SELECT stream, extract(epoch FROM min(recorded_at) FILTER (WHERE type IN ('OrderConfirmed', 'OrderCancelled')) - min(recorded_at) FILTER (WHERE type = 'OrderPlaced'))::float8 * 1000 AS ms
     FROM events GROUP BY stream HAVING min(recorded_at) FILTER (WHERE type = 'OrderPlaced') BETWEEN '${from}' AND '${to}'`,
  );
  const all = rows
    .filter(({ stream }) => which(stream))
    .map(({ ms }) => ms ?? Infinity)
    .sort((a, b) => a - b);
  const at = (part: number) => Math.round(Math.min(all[Math.floor(all.length * part)] ?? 0, 1e9));
  return { count: all.length, p50: at(0.5), p95: at(0.95), late: all.filter((ms) => ms > LATE_MS).length };
}
