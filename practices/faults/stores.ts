import pg from 'pg';

const names = ['orders', 'catalog', 'payments', 'notifications'] as const;
export type Store = (typeof names)[number];

const MESSAGES = `((SELECT count(*) FROM outbox) + (SELECT count(*) FROM outbox_held))::int AS outbox, (SELECT count(*)::int FROM parked_keys WHERE kind = 'transient') AS parked`;

/** The services' databases, as an operator looks into them. */
export class Stores {
  private readonly pools: Record<Store, pg.Pool>;

  constructor(databases: Readonly<Record<Store, { readonly ownerUrl: string }>>) {
    this.pools = Object.fromEntries(names.map((name) => [name, poolOf(databases[name].ownerUrl)])) as Record<
      Store,
      pg.Pool
    >;
  }

  async sql<T extends object>(store: Store, text: string): Promise<T[]> {
    return (await this.pools[store].query<T>(text)).rows;
  }

  /** Orders whose saga awaits a step, and messages of orders that wait to be published. */
  async underWay(): Promise<{ sagas: number; outbox: number }> {
    const [row] = await this.sql<{ sagas: number; outbox: number }>(
      'orders',
      'SELECT (SELECT count(*)::int FROM deadlines) AS sagas, (SELECT count(*)::int FROM outbox) AS outbox',
    );
    return row ?? { sagas: 0, outbox: 0 };
  }

  /**
   * What still moves, for a person to read; undefined when nothing does. `lag`: messages that each consumer has not
   * acknowledged.
   */
  async moving(lag: Readonly<Record<string, number>>): Promise<string | undefined> {
    const counts = {
      orders: await this.sql('orders', `SELECT (SELECT count(*)::int FROM deadlines) AS sagas, ${MESSAGES}`),
      catalog: await this.sql('catalog', `SELECT ${MESSAGES}`),
      payments: await this.sql(
        'payments',
        `SELECT (SELECT count(*)::int FROM open_outcomes) AS "open outcomes", ${MESSAGES}`,
      ),
      notifications: await this.sql(
        'notifications',
        `SELECT (SELECT count(*)::int FROM messages WHERE status = 'queued') AS mails, ${MESSAGES}`,
      ),
      lag: [lag],
    };
    const left = Object.entries(counts).flatMap(([where, [row]]) =>
      Object.entries(row ?? {}).flatMap(([what, count]) =>
        (count as number) > 0 ? [`${where}: ${String(count)} ${what}`] : [],
      ),
    );
    return left.length === 0 ? undefined : left.join(', ');
  }

  close(): Promise<unknown> {
    return Promise.all(Object.values(this.pools).map((pool) => pool.end()));
  }
}

function poolOf(connectionString: string): pg.Pool {
  const pool = new pg.Pool({ connectionString, max: 2, connectionTimeoutMillis: 5_000, query_timeout: 10_000 });
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}
