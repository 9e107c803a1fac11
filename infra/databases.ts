import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Which sets of migrations make each service's database. Nobody reads another's. */
export const migrationSets = {
  auth: ['apps/auth'],
  catalog: ['libs/eventing', 'apps/catalog'],
  orders: ['libs/eventing', 'apps/orders'],
  payments: ['libs/eventing', 'apps/payments'],
  notifications: ['libs/eventing', 'apps/notifications'],
} as const;
export type DatabaseName = keyof typeof migrationSets;
const names = Object.keys(migrationSets) as DatabaseName[];

export interface ProvisionOptions {
  /** Set before every database and role, so that several shops can share one server (tests). */
  prefix?: string;
  /** The password of a role, always the same for the same name. */
  secret: (role: string) => string;
  /**
   * Make a role that may replicate, for the relays of OUTBOX_DRIVER=wal: only who may replicate, such as a superuser,
   * may make one.
   */
  replication?: boolean;
}

export interface DatabaseUrls {
  /** The role the service runs as: it reads and writes rows, and can change no table. */
  url: string;
  /** The role that owns the tables and runs the migrations. */
  ownerUrl: string;
  /** The role that may read the write-ahead log, and no row; where provision() was asked for it. */
  replicationUrl?: string;
}

/** Makes every service's database, its two roles and its tables. What is there and unchanged is left alone. */
export async function provision(
  adminUrl: string,
  { prefix = '', secret, replication = false }: ProvisionOptions,
): Promise<Record<DatabaseName, DatabaseUrls>> {
  const admin = await connected(adminUrl);
  try {
    await admin.query(`SELECT pg_advisory_lock(hashtext('provision'))`);
    const known = await marks(admin);
    const all = names.map((name) => new ServiceDatabase(name, prefix, adminUrl, secret, replication));
    const stale = all.filter(({ database, mark }) => known.get(database) !== mark);
    for (const each of stale) await each.create(admin, known.has(each.database));
    await Promise.all(stale.map((each) => each.fill()));
    for (const { database, mark } of stale) await admin.query(`COMMENT ON DATABASE ${database} IS '${mark}'`);
    return Object.fromEntries(all.map(({ name, urls }) => [name, urls])) as Record<DatabaseName, DatabaseUrls>;
  } finally {
    await admin.end();
  }
}

/** Each database carries, as its comment, the hash of what it was made from: unchanged means there is nothing to do. */
async function marks(admin: pg.Client): Promise<Map<string, string | null>> {
  const { rows } = await admin.query<{ name: string; mark: string | null }>(
    `SELECT datname AS name, shobj_description(oid, 'pg_database') AS mark FROM pg_database`,
  );
  return new Map(rows.map(({ name, mark }) => [name, mark]));
}

class ServiceDatabase {
  readonly database: string;
  readonly urls: DatabaseUrls;
  readonly mark: string;
  private readonly sets: { name: string; dir: string }[];

  constructor(
    readonly name: DatabaseName,
    prefix: string,
    private readonly adminUrl: string,
    private readonly secret: (role: string) => string,
    replication: boolean,
  ) {
    this.database = prefix + name;
    if (!/^[a-z][a-z0-9_]*$/.test(this.database)) throw new Error(`Not a plain database name: ${this.database}`);
    this.urls = {
      url: this.urlAs(this.database),
      ownerUrl: this.urlAs(this.owner),
      ...(replication && { replicationUrl: this.urlAs(this.relay) }),
    };
    this.sets = migrationSets[name].map((set) => ({ name: basename(set), dir: join(root, set, 'migrations') }));
    this.mark = `made from ${this.hash()}`;
  }

  /** The database and its roles; nobody else may connect. */
  async create(admin: pg.Client, exists: boolean): Promise<void> {
    const { database, owner } = this;
    await admin.query([this.role(owner), this.role(database), `GRANT ${owner} TO CURRENT_USER`].join(';'));
    if (!exists) await admin.query(`CREATE DATABASE ${database} OWNER ${owner}`);
    await admin.query(
      `REVOKE ALL ON DATABASE ${database} FROM PUBLIC; GRANT CONNECT ON DATABASE ${database} TO ${database}`,
    );
    if (this.urls.replicationUrl)
      await admin.query(
        `${this.role(this.relay, 'REPLICATION')}; GRANT CONNECT ON DATABASE ${database} TO ${this.relay}`,
      );
  }

  /** The tables, which the service's role may read and write, but not change. */
  async fill(): Promise<void> {
    await this.asOwner(`
      ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ${this.database};
      ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO ${this.database}`);
    // Loaded only when there is something to do: the platform is a second of modules.
    const { migrate } = await import('@shop/platform');
    await migrate(this.urls.ownerUrl, this.sets);
  }

  private get owner(): string {
    return `${this.database}_owner`;
  }

  private get relay(): string {
    return `${this.database}_relay`;
  }

  private hash(): string {
    const hash = createHash('sha256').update(JSON.stringify(this.urls));
    for (const { name, dir } of this.sets) {
      for (const file of readdirSync(dir).sort())
        hash.update(`\n${name}/${file}\n`).update(readFileSync(join(dir, file)));
    }
    return hash.digest('hex');
  }

  private role(name: string, right = ''): string {
    const password = this.secret(name);
    const attributes = `LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE ${right} PASSWORD '${password}'`;
    return `DO $$ BEGIN CREATE ROLE ${name} ${attributes}; EXCEPTION WHEN duplicate_object THEN ALTER ROLE ${name} ${attributes}; END $$`;
  }

  private async asOwner(sql: string): Promise<void> {
    const client = await connected(this.urls.ownerUrl);
    try {
      await client.query(sql);
    } finally {
      await client.end();
    }
  }

  private urlAs(role: string): string {
    const url = new URL(this.adminUrl);
    url.username = role;
    url.password = this.secret(role);
    url.pathname = `/${this.database}`;
    return url.href;
  }
}

async function connected(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 10_000 });
  client.on('error', () => {}); // a server that goes away fails the next query; between two it is no crash
  await client.connect();
  return client;
}
