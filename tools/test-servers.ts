import { createHmac, randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { wishedBus } from '@shop/infra/bus';
import { provision } from '@shop/infra/databases';
import {
  brokerNames,
  noBrokerBecause,
  noImageBecause,
  startServers,
  stopCompose,
  type Broker,
  type Servers,
} from '@shop/infra/servers';
import { openState, wipeState } from '@shop/infra/state';
import type {} from '@shop/testing';
import pg from 'pg';
import type { TestProject } from 'vitest/node';

/**
 * Global setup of the `int` and `e2e` tests: real servers, started by the launcher that `npm start` uses, on data of
 * their own, empty at the start, so that several runs and an `npm start` may go on side by side. They end with the run,
 * or with this process in whatever way it dies.
 */
const prefix = `t${Date.now().toString(36)}${randomBytes(2).toString('hex')}_`;
const states = join(import.meta.dirname, '../.state-tests');
let servers: Servers | undefined;

export async function setup(project: TestProject): Promise<void> {
  const began = performance.now();
  const say = (line: string) => console.log(`  ${line}`);
  await sweep();
  const wanted = await brokersFor(project);
  const missing = await unavailable(wanted);
  const brokers = wanted.filter((name) => missing[name] === undefined);
  servers = await startServers({
    state: join(states, `${project.name}-${process.pid}`),
    need: ['postgres', 'redis', ...brokers],
    say,
    mode: 'testcontainers',
  });
  const { postgres, kafka, redis, rabbitmq, sqs, how } = servers;
  const templates = await provision(postgres.adminUrl, { prefix, secret: passwords(), replication: true });
  project.provide('servers', {
    postgres,
    ...(kafka && { kafka }),
    ...(redis && { redis }),
    ...(rabbitmq && { rabbitmq }),
    ...(sqs && { sqs }),
    missing: { ...missing, ...(!redis && { redis: 'Redis could not be found, fetched or started here.' }) },
    prefix,
    templates,
  });
  const found = Object.entries(how)
    .filter(([, from]) => from !== 'none')
    .map(([name, from]) => `${name} (${from})`);
  say(
    `Servers for ${project.name}: ${found.join(', ')}, ready in ${((performance.now() - began) / 1000).toFixed(1)} s`,
  );
}

/**
 * The brokers that a file of this run asks for (who works on one spec does not wait for all of them), or the one that
 * the whole shop runs on.
 */
async function brokersFor(project: TestProject): Promise<Broker[]> {
  if (project.name === 'e2e') return brokerNames.filter((name) => name === wishedBus());
  const { filenamePattern } = project.vitest as { filenamePattern?: string[] };
  const { testFiles } = await project.globTestFiles(filenamePattern);
  const texts = testFiles.map((file) => readFileSync(file, 'utf8'));
  return brokerNames.filter((name) =>
    texts.some((text) => text.includes('describeWith(') && text.includes(`'${name}'`)),
  );
}

/** The brokers that this machine can have in no way, and why. */
async function unavailable(brokers: Broker[]): Promise<Partial<Record<Broker, string>>> {
  const asked = await Promise.all(
    brokers.map(async (name) => [name, (await noBrokerBecause(name)) ?? (await noImageBecause(name))] as const),
  );
  return Object.fromEntries(asked.filter(([, why]) => why !== undefined));
}

export async function teardown(): Promise<void> {
  if (!servers) return;
  try {
    await dropEverything(servers.postgres.adminUrl);
  } finally {
    await servers.stop();
  }
}

/** Ends whatever killed runs left, and removes their data. (The last run's logs stay until then, to be read.) */
async function sweep(): Promise<void> {
  for (const name of existsSync(states) ? readdirSync(states) : []) {
    const pid = Number(/-(\d+)$/.exec(name)?.[1]);
    if (Number.isNaN(pid) || isRunning(pid)) continue;
    try {
      await (await openState(join(states, name), () => {})).close();
      await stopCompose(join(states, name));
      wipeState(join(states, name));
    } catch {
      // Another run sweeps it, or somebody else's: then it is not in our way.
    }
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function passwords(): (role: string) => string {
  const seed = randomBytes(32);
  return (role) => createHmac('sha256', seed).update(role).digest('base64url');
}

/** What this run made in a server that may be somebody's own. */
async function dropEverything(adminUrl: string): Promise<void> {
  const admin = new pg.Client({ connectionString: adminUrl });
  await admin.connect();
  try {
    const names = async (sql: string) =>
      (await admin.query<{ name: string }>(sql, [prefix])).rows.map(({ name }) => name);
    for (const name of await names('SELECT datname AS name FROM pg_database WHERE starts_with(datname, $1)'))
      await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
    for (const name of await names('SELECT rolname AS name FROM pg_roles WHERE starts_with(rolname, $1)'))
      await admin.query(`DROP ROLE ${name}`);
  } finally {
    await admin.end();
  }
}
