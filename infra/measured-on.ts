import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { arch, cpus, loadavg, platform, release, totalmem } from 'node:os';
import pg from 'pg';
import type { Servers } from './servers/index.ts';

/** What every measurement says beside its figures. */
export interface MeasuredOn {
  readonly date: string;
  /** What was checked out; `changed` when files of the product or of what measures it differed from it. */
  readonly commit: { readonly id: string; readonly changed: boolean };
  readonly machine: Readonly<Record<string, string | number>>;
  readonly versions: Readonly<Record<string, string>>;
}

/** The load average of the last minute: taken before a run, it tells whether the machine was free. */
export const load = () => Math.round((loadavg()[0] ?? 0) * 100) / 100;

/** Without an address of Postgres (somebody else's shop) its version is unknown. */
type Measured = Pick<Servers, 'how'> & { readonly postgres?: { readonly adminUrl: string } };

export async function measuredOn(servers: Measured, loadBefore: number): Promise<MeasuredOn> {
  return {
    date: new Date().toISOString(),
    commit: commit(),
    machine: machine(loadBefore),
    versions: await versions(servers),
  };
}

function machine(loadBefore: number): MeasuredOn['machine'] {
  const [cpu] = cpus();
  return {
    system: `${platform()} ${release()} ${arch()}`,
    cpu: cpu?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round((totalmem() / 2 ** 30) * 100) / 100,
    loadBefore,
    loadAfter: load(),
  };
}

/** A run from an archive without Git has no commit. What runs write themselves is no change. */
function commit(): MeasuredOn['commit'] {
  const git = (...args: string[]) =>
    execFileSync('git', args, {
      cwd: import.meta.dirname,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  const code = [':/libs', ':/apps', ':/infra', ':/practices', ':/load-tests', ':/package-lock.json'];
  const written = [
    ':(exclude,top)practices/*/result.json',
    ':(exclude,top)practices/faults/results/*.json',
    ':(exclude,top)load-tests/results/*.json',
    ':(exclude,top)**/*.md',
  ];
  try {
    return { id: git('rev-parse', 'HEAD'), changed: git('status', '--porcelain', '--', ...code, ...written) !== '' };
  } catch {
    return { id: 'unknown', changed: true };
  }
}

async function versions({ postgres, how }: Measured): Promise<MeasuredOn['versions']> {
  const packages = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as Record<
    string,
    Record<string, string>
  >;
  const packageVersion = (name: string) =>
    packages['dependencies']?.[name] ?? packages['devDependencies']?.[name] ?? 'unknown';
  return {
    node: process.versions.node,
    postgres: postgres?.adminUrl ? await postgresVersion(postgres.adminUrl) : 'unknown',
    postgresFrom: how.postgres,
    kafkaFrom: how.kafka,
    '@platformatic/kafka': packageVersion('@platformatic/kafka'),
    kafkajs: packageVersion('kafkajs'),
    pg: packageVersion('pg'),
  };
}

async function postgresVersion(connectionString: string): Promise<string> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    const { rows } = await client.query<{ version: string }>(`SELECT current_setting('server_version') AS version`);
    return rows[0]?.version ?? 'unknown';
  } finally {
    await client.end();
  }
}
