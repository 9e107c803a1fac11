import { hash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { lockTimedOut } from './pg-errors.ts';

/** A folder of numbered SQL files, `0001-what.sql`, that belong to one owner. */
export interface MigrationSet {
  readonly name: string;
  readonly dir: string;
}

export interface MigrateOptions {
  /** How long a migration waits for a lock, in ms (200): while it waits, everybody queues behind it. */
  readonly lockTimeout?: number;
  /**
   * `expand`: only what the running version does not mind, which is everything before the first pending file whose
   * first line is `-- contract`.
   */
  readonly phase?: 'expand' | 'contract';
  /**
   * For how long it is tried again and again, in ms (60,000), when it did not get its lock: a report may take its time,
   * and nobody waits for it meanwhile.
   */
  readonly patience?: number;
}

interface Migration {
  readonly set: string;
  readonly name: string;
  readonly sql: string;
  readonly checksum: string;
}

type Applied = Omit<Migration, 'sql'>;

/** A pause between two attempts, in ms: those who queued behind the last one go first. */
const PAUSE_MS = 300;
/** For what holds nobody up while it waits, in ms. */
const LONG_MS = 60_000;

/** The advisory lock of everybody who migrates this database. */
const ours = 7_203_948_113;

/**
 * Brings a database up to date, as its owner: the files of each set in order, each in its own transaction, unless a
 * line of the comment it begins with is `-- no-transaction` (then it holds one statement, such as CREATE INDEX
 * CONCURRENTLY). One that does not get its lock at once is tried again: practices/migrations shows what waiting for it
 * would do. Several may start at once: one works, the others wait. An applied file that has changed since, or a new one
 * numbered below an applied one, is refused. Returns what was applied now, as `set/file`.
 */
export async function migrate(
  adminUrl: string,
  sets: readonly MigrationSet[],
  options: MigrateOptions = {},
): Promise<string[]> {
  const files = (await Promise.all(sets.map(read))).flat();
  const client = new pg.Client({
    connectionString: adminUrl,
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
    application_name: 'shop-migrate',
  });
  await client.connect();
  try {
    await client.query(`SET lock_timeout = ${LONG_MS}`);
    await client.query('SELECT pg_advisory_lock($1)', [ours]);
    return await applyAll(client, files, options);
  } finally {
    await client.end();
  }
}

async function read({ name: set, dir }: MigrationSet): Promise<Migration[]> {
  const names = (await readdir(dir)).filter((name) => name.endsWith('.sql')).sort();
  const numbers = names.map((name) => /^(\d{4})-[a-z0-9-]+\.sql$/.exec(name)?.[1]);
  const wrong = names.find((_, index) => numbers[index] === undefined || numbers.indexOf(numbers[index]) !== index);
  if (wrong !== undefined)
    throw new Error(`Migration ${set}/${wrong}: name it 0001-what-it-does.sql, with a number of its own.`);
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(join(dir, name), 'utf8');
      return { set, name, sql, checksum: hash('sha256', sql) };
    }),
  );
}

async function applyAll(client: pg.Client, files: readonly Migration[], options: MigrateOptions): Promise<string[]> {
  await client.query(`CREATE TABLE IF NOT EXISTS schema_migrations (
    set text NOT NULL, name text NOT NULL, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (set, name))`);
  const { rows } = await client.query<Applied>('SELECT set, name, checksum FROM schema_migrations ORDER BY set, name');
  const pending = [...Map.groupBy(files, ({ set }) => set)].flatMap(([set, ofSet]) =>
    pendingOf(
      ofSet,
      rows.filter((row) => row.set === set),
    ),
  );
  const now = options.phase === 'expand' ? expanding(pending) : pending;
  for (const migration of now) await applyWhenFree(client, migration, options);
  return now.map(({ set, name }) => `${set}/${name}`);
}

/**
 * The files to apply. What was applied has to be the beginning of what is there, unchanged: anything else is two
 * histories, and nobody knows which one is true. A database that is ahead of the files is fine: an older version is
 * being deployed again.
 */
function pendingOf(files: readonly Migration[], applied: readonly Applied[]): readonly Migration[] {
  for (const [index, { set, name, checksum }] of applied.entries()) {
    const file = files[index];
    if (file === undefined) return [];
    if (file.name < name)
      throw new Error(
        `Migration ${set}/${file.name} comes before ${set}/${name}, which is applied already. Number it after.`,
      );
    if (file.name > name) throw new Error(`Migration ${set}/${name} is applied, but its file is gone.`);
    if (file.checksum !== checksum)
      throw new Error(`Migration ${set}/${name} was changed after it was applied. Add a new one instead.`);
  }
  return files.slice(applied.length);
}

/** What comes after a contracting file of its set waits with it: the order of files is the order of changes. */
function expanding(pending: readonly Migration[]): readonly Migration[] {
  const waiting = new Set<string>();
  return pending.filter(({ set, sql }) => {
    if (marks(sql).includes('-- contract')) waiting.add(set);
    return !waiting.has(set);
  });
}

/** The lines of comment that a file begins with. */
const marks = (sql: string): string[] => (/^(--.*\n)*/.exec(sql)?.[0] ?? '').split('\n');

/**
 * Asks for the lock for a moment, and again a moment later. What runs outside a transaction holds nobody up, and half
 * done it is not tried again.
 */
async function applyWhenFree(
  client: pg.Client,
  migration: Migration,
  { lockTimeout = 200, patience = 60_000 }: MigrateOptions,
): Promise<void> {
  const alone = marks(migration.sql).includes('-- no-transaction');
  await client.query(`SET lock_timeout = ${alone ? LONG_MS : Math.trunc(lockTimeout)}`);
  for (const until = performance.now() + patience; ; await sleep(PAUSE_MS)) {
    try {
      return await apply(client, migration);
    } catch (error) {
      if (alone || !lockTimedOut(error) || performance.now() > until) throw error;
    }
  }
}

async function apply(client: pg.Client, { set, name, sql, checksum }: Migration): Promise<void> {
  const record = () =>
    client.query('INSERT INTO schema_migrations (set, name, checksum) VALUES ($1, $2, $3)', [set, name, checksum]);
  try {
    if (marks(sql).includes('-- no-transaction')) {
      await client.query(sql);
      await record();
      return;
    }
    await client.query('BEGIN');
    await client.query(sql);
    await record();
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw new Error(`Migration ${set}/${name} failed: ${(error as Error).message}`, { cause: error });
  }
}
