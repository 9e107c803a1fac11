import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { servers } from './servers.ts';

export type DatabaseName = 'auth' | 'catalog' | 'orders' | 'payments' | 'notifications';

/** A service's database of its own: its migrations applied, no rows, the service's real roles. */
export interface FreshDatabase {
  /** As the service runs: rows, no DDL. */
  readonly url: string;
  /** As its migrations run. */
  readonly ownerUrl: string;
  /** As a relay reads the write-ahead log. */
  readonly replicationUrl: string;
  /** Before the end of the run, where a file makes many of them. */
  drop(): Promise<void>;
}

/**
 * A database for this spec file alone, copied from the service's template, which is quick. Made at the top of a file
 * (`const database = await freshDatabase('orders')`); dropped at the end of the run.
 */
export async function freshDatabase(service: DatabaseName): Promise<FreshDatabase> {
  const { postgres, prefix, templates } = servers();
  const name = `${prefix}${service}_${randomBytes(4).toString('hex')}`;
  const template = `${prefix}${service}`;
  await asAdmin(postgres.adminUrl, async (admin) => {
    await admin.query(`CREATE DATABASE ${name} TEMPLATE ${template} OWNER ${template}_owner`);
    // Rights on the database itself are not copied; those inside it are.
    await admin.query(
      `REVOKE ALL ON DATABASE ${name} FROM PUBLIC; GRANT CONNECT ON DATABASE ${name} TO ${template}, ${template}_relay`,
    );
  });
  const { url, ownerUrl, replicationUrl = '' } = templates[service];
  return {
    url: inDatabase(url, name),
    ownerUrl: inDatabase(ownerUrl, name),
    replicationUrl: replicationUrl && inDatabase(replicationUrl, name),
    drop: () => asAdmin(postgres.adminUrl, (admin) => admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)),
  };
}

async function asAdmin(adminUrl: string, work: (admin: pg.Client) => Promise<unknown>): Promise<void> {
  const admin = new pg.Client({ connectionString: adminUrl, connectionTimeoutMillis: 10_000 });
  await admin.connect();
  try {
    await work(admin);
  } finally {
    await admin.end();
  }
}

function inDatabase(url: string, name: string): string {
  const target = new URL(url);
  target.pathname = `/${name}`;
  return target.href;
}
