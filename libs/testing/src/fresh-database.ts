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
}

/**
 * A database for this spec file alone, copied from the service's template, which is quick. Made at the top of a file
 * (`const database = await freshDatabase('orders')`); dropped at the end of the run.
 */
export async function freshDatabase(service: DatabaseName): Promise<FreshDatabase> {
  const { postgres, prefix, templates } = servers();
  const name = `${prefix}${service}_${randomBytes(4).toString('hex')}`;
  const template = `${prefix}${service}`;
  const admin = new pg.Client({ connectionString: postgres.adminUrl, connectionTimeoutMillis: 10_000 });
  await admin.connect();
  try {
    await admin.query(`CREATE DATABASE ${name} TEMPLATE ${template} OWNER ${template}_owner`);
    // Rights on the database itself are not copied; those inside it are.
    await admin.query(`REVOKE ALL ON DATABASE ${name} FROM PUBLIC; GRANT CONNECT ON DATABASE ${name} TO ${template}, ${template}_relay`);
  } finally {
    await admin.end();
  }
  const { url, ownerUrl, replicationUrl = '' } = templates[service];
  return { url: inDatabase(url, name), ownerUrl: inDatabase(ownerUrl, name), replicationUrl: replicationUrl && inDatabase(replicationUrl, name) };
}

function inDatabase(url: string, name: string): string {
  const target = new URL(url);
  target.pathname = `/${name}`;
  return target.href;
}
