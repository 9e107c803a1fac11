import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { onPath } from '../cache.ts';
import { freePorts, serverPorts } from '../ports.ts';
import type { State } from '../state.ts';
import type { ServerName, Source } from './index.ts';
import { run } from './start.ts';

const exec = promisify(execFile);
const file = fileURLToPath(new URL('../../docker-compose.yml', import.meta.url));

/** Whether a Docker engine answers here, within three seconds, and `docker compose` is there to use it. */
export async function dockerAnswers(): Promise<boolean> {
  if (!onPath('docker')) return false;
  const asked = [['version', '--format', '{{.Server.Version}}'], ['compose', 'version']].map((args) => exec('docker', args, { timeout: 3_000 }));
  return (await Promise.allSettled(asked)).every(({ status }) => status === 'fulfilled');
}

/** The servers of docker-compose.yml, brought up together by the first that is asked for. */
export function composeServers(state: State, names: ServerName[], say: (line: string) => void): Record<ServerName, Source> {
  let up: Promise<Record<ServerName, number>> | undefined;
  const source = (name: ServerName, url: (port: number) => string): Source => ({
    how: 'docker',
    start: async () => url((await (up ??= bringUp(state, names, say)))[name]),
  });
  return {
    postgres: source('postgres', (port) => `postgres://postgres:${state.secret('postgres')}@127.0.0.1:${port}/postgres`),
    kafka: source('kafka', (port) => `127.0.0.1:${port}`),
    redis: source('redis', (port) => `redis://127.0.0.1:${port}`),
  };
}

async function bringUp(state: State, names: ServerName[], say: (line: string) => void): Promise<Record<ServerName, number>> {
  const ports = (await keptPorts(state.folder)) ?? (await choosePorts(names));
  // Written before anything runs, so that whatever a killed start leaves is found; the password is not in it.
  writeFileSync(join(state.folder, 'docker.json'), JSON.stringify(ports));
  state.defer(() => stopCompose(state.folder));
  say('Bringing up containers (the first time Docker fetches the images)');
  const told = { POSTGRES_PASSWORD: state.secret('postgres'), POSTGRES_PORT: `${ports.postgres}`, KAFKA_PORT: `${ports.kafka}`, REDIS_PORT: `${ports.redis}` };
  const env = { ...process.env, ...told };
  const args = ['compose', '-p', project(state.folder), '-f', file, 'up', '--detach', '--wait', ...names];
  await run(state, { name: 'docker-compose', command: onPath('docker')!, args, env, log: join(state.folder, 'logs/docker.log'), cwd: state.folder });
  return ports;
}

async function choosePorts(names: ServerName[]): Promise<Record<ServerName, number>> {
  const found = await freePorts(names.map((name) => serverPorts[name]));
  return { ...serverPorts, ...Object.fromEntries(names.map((name, index) => [name, found[index]!])) };
}

/** The ports of containers that a killed start left running: they are used again as they are. */
async function keptPorts(folder: string): Promise<Record<ServerName, number> | undefined> {
  const noted = join(folder, 'docker.json');
  if (!existsSync(noted)) return undefined;
  const { stdout } = await exec('docker', ['compose', '-p', project(folder), 'ps', '--quiet']);
  return stdout.trim() === '' ? undefined : (JSON.parse(readFileSync(noted, 'utf8')) as Record<ServerName, number>);
}

/** Stops this state folder's containers, if it has any; their data stays. */
export async function stopCompose(folder: string): Promise<boolean> {
  const noted = join(folder, 'docker.json');
  if (!existsSync(noted)) return false;
  await exec('docker', ['compose', '-p', project(folder), 'stop']);
  rmSync(noted, { force: true });
  return true;
}

/** Removes this state folder's containers with their data. */
export async function removeCompose(folder: string): Promise<void> {
  if (await dockerAnswers()) await exec('docker', ['compose', '-p', project(folder), 'down', '--volumes', '--remove-orphans']);
}

const project = (folder: string) => `ablation-${createHash('sha256').update(realpathSync(folder)).digest('hex').slice(0, 8)}`;
