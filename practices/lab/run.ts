import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { arch, cpus, loadavg, platform, release, totalmem } from 'node:os';
import type { Servers } from '@shop/infra/servers';
import pg from 'pg';
import { Bench } from './bench.ts';
import { verdictOf, type Experiment, type Load, type Round, type Variant, type Verdict } from './experiment.ts';

/** What result.json holds: raw figures, and what they were measured on. */
export interface Result {
  readonly id: string;
  readonly title: string;
  readonly harm: string;
  readonly verdict: Verdict;
  readonly load: Load;
  readonly rounds: readonly { readonly variant: Variant; readonly round: Round }[];
  readonly seconds: number;
  readonly date: string;
  /** What was checked out; `changed` when files of the product or of the experiments differed from it. */
  readonly commit: { readonly id: string; readonly changed: boolean };
  readonly machine: Readonly<Record<string, string | number>>;
  readonly versions: Readonly<Record<string, string>>;
}

export interface RunOptions {
  readonly id: string;
  readonly experiment: Experiment;
  readonly servers: Servers;
  readonly quick: boolean;
  readonly say: (line: string) => void;
}

const PATIENCE_MS = { quick: 5_000, full: 10_000 };

/**
 * Runs every variant with the same seed, load and kill schedule, each on a database, topics and processes of its own. One after the other;
 * or, when quick, side by side: counts do not care, and only a full run is written down.
 */
export async function runExperiment({ id, experiment, servers, quick, say }: RunOptions): Promise<Result> {
  const began = performance.now();
  const loadBefore = loadavg()[0] ?? 0;
  const load = quick ? experiment.load.quick : experiment.load.full;
  const one = async (variant: Variant) => {
    const since = performance.now();
    const round = await runRound({ id, experiment, servers, variant, load, patienceMs: quick ? PATIENCE_MS.quick : PATIENCE_MS.full });
    say(`${id}: ${variant.name} is through (${((performance.now() - since) / 1000).toFixed(1)} s)`);
    return { variant, round };
  };
  const rounds = quick ? await Promise.all(experiment.variants.map(one)) : [];
  if (!quick) for (const variant of experiment.variants) rounds.push(await one(variant));
  return {
    id,
    title: experiment.title,
    harm: experiment.harm,
    verdict: verdictOf(rounds),
    load,
    rounds,
    seconds: Math.round((performance.now() - began) / 100) / 10,
    date: new Date().toISOString(),
    commit: commit(),
    machine: machine(loadBefore),
    versions: await versions(servers),
  };
}

async function runRound(options: Pick<RunOptions, 'id' | 'experiment' | 'servers'> & { variant: Variant; load: Load; patienceMs: number }): Promise<Round> {
  const { id, experiment, servers, variant, load, patienceMs } = options;
  const namespace = `practice_${id}_${variant.name}_${randomBytes(3).toString('hex')}`.toLowerCase().replace(/[^a-z0-9]+/g, '_');
  const bench = await Bench.open({ servers, namespace, patienceMs, tables: experiment.tables, topics: experiment.topics });
  try {
    return await experiment.round(bench, variant, load);
  } finally {
    await bench.close();
  }
}

function machine(loadBefore: number): Result['machine'] {
  const [cpu] = cpus();
  const rounded = (value: number) => Math.round(value * 100) / 100;
  return {
    system: `${platform()} ${release()} ${arch()}`,
    cpu: cpu?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: rounded(totalmem() / 2 ** 30),
    loadBefore: rounded(loadBefore),
    loadAfter: rounded(loadavg()[0] ?? 0),
  };
}

/** A run from an archive without Git has no commit. */
function commit(): Result['commit'] {
  const git = (...args: string[]) => execFileSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    const changes = git('status', '--porcelain', '--', ':/libs', ':/apps', ':/infra', ':/practices', ':/package-lock.json', ':(exclude,top)practices/*/result.json', ':(exclude,top)**/*.md');
    return { id: git('rev-parse', 'HEAD'), changed: changes !== '' };
  } catch {
    return { id: 'unknown', changed: true };
  }
}

async function versions({ postgres, how }: Servers): Promise<Result['versions']> {
  const client = new pg.Client({ connectionString: postgres.adminUrl, connectionTimeoutMillis: 10_000 });
  await client.connect();
  const { rows } = await client.query<{ version: string }>(`SELECT current_setting('server_version') AS version`);
  await client.end();
  const { dependencies, devDependencies } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as Record<string, Record<string, string>>;
  const packageVersion = (name: string) => dependencies?.[name] ?? devDependencies?.[name] ?? 'unknown';
  return {
    node: process.versions.node,
    postgres: rows[0]?.version ?? 'unknown',
    postgresFrom: how.postgres,
    kafkaFrom: how.kafka,
    '@platformatic/kafka': packageVersion('@platformatic/kafka'),
    kafkajs: packageVersion('kafkajs'),
    pg: packageVersion('pg'),
  };
}
