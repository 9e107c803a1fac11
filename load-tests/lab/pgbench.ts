import { randomBytes } from 'node:crypto';
import { globSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onPath } from '@shop/infra/cache';
import { fromDebian, hasDebian } from '@shop/infra/debian';
import { Obstacle, type State } from '@shop/infra/state';
import { migrate } from '@shop/platform';
import pg from 'pg';
import { perRequest, runTool, type Watched } from './tool.ts';
import type { Round } from './versus.ts';

const root = new URL('../..', import.meta.url);
const migrations = ['libs/eventing', 'apps/orders'].map((of) => ({
  name: of,
  dir: fileURLToPath(new URL(`${of}/migrations`, root)),
}));

/** Postgres's own load tool: what the database does for us at most, with no program of ours in between. */
export class Pgbench {
  private constructor(
    private readonly program: string,
    private readonly env: NodeJS.ProcessEnv,
    private readonly folder: string,
  ) {}

  /** From the PATH, from where Debian puts it, else from Debian's package. */
  static async find(state: State): Promise<Pgbench> {
    const folder = join(state.folder, 'pgbench');
    mkdirSync(folder, { recursive: true });
    const there = onPath('pgbench') ?? globSync('/usr/lib/postgresql/*/bin/pgbench').at(-1);
    if (there !== undefined) return new Pgbench(there, process.env, folder);
    if (!hasDebian())
      throw new Obstacle(
        'This bench needs pgbench, and there is none: install it (brew install postgresql, apt-get install postgresql).',
      );
    const { folder: unpacked, env } = await fromDebian(state, 'postgresql');
    const program = globSync('usr/lib/postgresql/*/bin/pgbench', { cwd: unpacked })[0];
    if (program === undefined) throw new Obstacle('Debian’s package has no pgbench any more.');
    return new Pgbench(join(unpacked, program), env, folder);
  }

  /** Runs the transaction over and over, on so many connections. */
  async saturate(
    url: string,
    transaction: string,
    { seconds, clients, processes }: { seconds: number; clients: number; processes: Watched },
  ): Promise<Round> {
    const file = join(this.folder, 'transaction.sql');
    writeFileSync(file, transaction);
    const args = ['-n', '-M', 'prepared', '-f', file, '-c', String(clients), '-j', '1', '-T', String(seconds), url];
    const { output, code, spent } = await runTool(
      { program: this.program, args, env: this.env, patience: (seconds + 20) * 1_000 },
      processes,
    );
    const [perSecond, done, average] = [
      /^tps = ([\d.]+)/m,
      /actually processed: (\d+)/,
      /^latency average = ([\d.]+)/m,
    ].map((pattern) => Number(pattern.exec(output)?.[1]));
    if (code !== 0 || !perSecond || !done) throw new Error(`pgbench failed (${code}):\n${output}`);
    return { perSecond: Math.round(perSecond), failed: 0, meanMs: average ?? NaN, cpuMicros: perRequest(spent, done) };
  }
}

/** A database of the same tables as orders has, of no service. Left where it is: its servers end with the bench. */
export async function likeOrders(adminUrl: string): Promise<string> {
  const name = `bench_${randomBytes(4).toString('hex')}`;
  const url = new URL(adminUrl);
  url.pathname = `/${name}`;
  await sql(adminUrl, `CREATE DATABASE ${name}`);
  await migrate(url.href, migrations);
  return url.href;
}

export async function sql(connectionString: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 10_000 });
  await client.connect();
  await client.query(text).finally(() => client.end());
}
