import { fileURLToPath } from 'node:url';
import { migrate, type MigrationSet } from '@shop/platform';
import pg from 'pg';

/**
 * How a column becomes wider while the service runs. `deploy` brings out the version of the service that uses the new
 * one, instance by instance.
 */
export type Way = (databaseUrl: string, deploy: () => Promise<void>) => Promise<void>;

/** Rows of one batch: a transaction of some milliseconds. */
const BATCH = 5_000;
const steps = (name: 'expand' | 'contract'): MigrationSet => ({
  name,
  dir: fileURLToPath(new URL(name, import.meta.url)),
});

/**
 * One statement, as it stands in every manual. It waits for whoever reads the table, everybody waits for it, and then
 * it writes the table anew.
 */
export const inOneGo: Way = (databaseUrl) =>
  connected(databaseUrl, (client) => client.query('ALTER TABLE accounts ALTER COLUMN balance TYPE bigint'));

/** By the product's own runner, in steps of which each leaves the version before and the version after working. */
export const expandContract: Way = async (databaseUrl, deploy) => {
  await migrate(databaseUrl, [steps('expand')]);
  await connected(databaseUrl, fill);
  await deploy();
  await migrate(databaseUrl, [steps('expand'), steps('contract')]);
};

/** What was there before the trigger was, a few rows at a time, so that nobody waits long for any of them. */
async function fill(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ last: number }>('SELECT coalesce(max(id), 0) AS last FROM accounts');
  const last = rows[0]?.last ?? 0;
  for (let from = 0; from <= last; from += BATCH) {
    await client.query(
      'UPDATE accounts SET balance_big = balance WHERE id > $1 AND id <= $1 + $2 AND balance_big IS NULL',
      [from, BATCH],
    );
  }
}

async function connected(databaseUrl: string, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
