import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { onPath } from '../cache.ts';
import { freePorts, serverPorts } from '../ports.ts';
import { Obstacle, type State } from '../state.ts';
import type { ServerName, Source } from './index.ts';
import { rabbitmqUrl } from './rabbitmq.ts';
import { sqsUrl } from './sqs.ts';
import { run } from './start.ts';

/** How long Docker may take to say what it is (ms): a loaded engine is slow, a broken one never answers. */
const patience = 5_000;
/** How long it may take to fetch an image (ms). */
const fetching = 600_000;
const file = fileURLToPath(new URL('compose.yaml', import.meta.url));

/**
 * Why Docker cannot be used here, for a person; undefined when it can: an engine of this machine answers, and there is
 * `docker compose`.
 */
export async function dockerObstacle(): Promise<string | undefined> {
  if (!onPath('docker')) return 'no Docker';
  const endpoint = await docker(['context', 'inspect', '--format', '{{.Endpoints.docker.Host}}'], patience).catch(
    () => '',
  );
  if (!isHere(endpoint)) return `a Docker client, but its engine is on another machine (${endpoint})`;
  const succeeds = (args: string[]) =>
    docker(args, patience).then(
      () => true,
      () => false,
    );
  if (!(await succeeds(['version', '--format', '{{.Server.Version}}'])))
    return 'a Docker client, but no engine answers';
  return (await succeeds(['compose', 'version'])) ? undefined : 'a Docker engine, but no "docker compose"';
}

let answers: Promise<boolean> | undefined;

/** Whether Docker is used here: asked once, so that all of a launcher goes the same way. */
export const dockerAnswers = (): Promise<boolean> =>
  (answers ??= dockerObstacle().then((obstacle) => obstacle === undefined));

/** Containers are reached by this machine's loopback, so an engine elsewhere is of no use. */
function isHere(endpoint: string): boolean {
  const url = URL.parse(endpoint);
  return (
    !url ||
    !['tcp:', 'http:', 'https:', 'ssh:'].includes(url.protocol) ||
    ['localhost', '127.0.0.1', '[::1]'].includes(url.hostname)
  );
}

/** Why the image of a server cannot be had, for a person; undefined once it is on this machine. */
export async function imageObstacle(name: ServerName): Promise<string | undefined> {
  const image = await docker(['compose', '-f', file, '--profile', '*', 'config', '--images', name]);
  const here = await docker(['image', 'inspect', image]).catch(() => undefined);
  if (here !== undefined) return undefined;
  return docker(['pull', '--quiet', image], fetching).then(
    () => undefined,
    (error: Error) =>
      `The image ${image} is not on this machine and cannot be fetched: ${error.message
        .split('\n')
        .at(-1)!
        .replace(/^docker pull .*?: /, '')}.`,
  );
}

/** The servers of compose.yaml beside this file, brought up together by the first that is asked for. */
export function composeServers(
  state: State,
  names: ServerName[],
  say: (line: string) => void,
): Record<ServerName, Source> {
  return inContainers(state, () => bringUp(state, names, say));
}

export function inContainers(
  state: State,
  bringUp: () => Promise<Record<ServerName, number>>,
): Record<ServerName, Source> {
  let up: Promise<Record<ServerName, number>> | undefined;
  const source = (name: ServerName, url: (port: number) => string): Source => ({
    how: 'docker',
    start: async () => url((await (up ??= bringUp()))[name]),
  });
  return {
    postgres: source(
      'postgres',
      (port) => `postgres://postgres:${state.secret('postgres')}@127.0.0.1:${port}/postgres`,
    ),
    kafka: source('kafka', (port) => `127.0.0.1:${port}`),
    redis: source('redis', (port) => `redis://127.0.0.1:${port}`),
    rabbitmq: source('rabbitmq', (port) => rabbitmqUrl(port, state)),
    sqs: source('sqs', sqsUrl),
    zipkin: source('zipkin', (port) => `http://127.0.0.1:${port}`),
  };
}

/** What compose.yaml wants to be told. */
export function composeVariables(state: State, ports: Record<ServerName, number>): Record<string, string> {
  const listening = Object.entries(ports).map(([name, port]) => [`${name.toUpperCase()}_PORT`, String(port)]);
  return {
    POSTGRES_PASSWORD: state.secret('postgres'),
    RABBITMQ_PASSWORD: state.secret('rabbitmq'),
    ...Object.fromEntries(listening),
  };
}

/** What a state folder knows of its containers. */
interface Noted {
  /**
   * They have all been up once. Until then they are removed rather than kept: a volume whose initialisation was cut
   * short is of no use to anyone.
   */
  whole: boolean;
  /** Where they listen; there while they may be running. */
  ports?: Record<ServerName, number>;
}

async function bringUp(
  state: State,
  names: ServerName[],
  say: (line: string) => void,
): Promise<Record<ServerName, number>> {
  const { folder } = state;
  const { whole, ports: kept } = noted(folder) ?? { whole: false };
  // Containers that a killed start left running are used again as they are.
  const running = whole && kept && (await compose(folder, ['ps', '--quiet'])) !== '';
  const ports = { ...(await choosePorts()), ...(running && kept) };
  // Written before anything runs, so that whatever a killed start leaves is found; passwords are not in it.
  note(folder, { whole, ports });
  state.defer(() => stopCompose(folder));
  // Also what a removed state folder left: it has a password that nobody knows any more.
  if (!whole) await down(folder);
  say('Bringing up containers (the first time Docker fetches the images)');
  const env = { ...process.env, ...composeVariables(state, ports) };
  const args = ['compose', '-p', project(folder), '-f', file, 'up', '--detach', '--wait', ...names];
  await run(state, {
    name: 'docker-compose',
    command: onPath('docker')!,
    args,
    env,
    log: join(folder, 'logs/docker.log'),
    cwd: folder,
  });
  note(folder, { whole: true, ports });
  return ports;
}

async function choosePorts(): Promise<Record<ServerName, number>> {
  const found = await freePorts(Object.values(serverPorts));
  return Object.fromEntries(Object.keys(serverPorts).map((name, index) => [name, found[index]])) as Record<
    ServerName,
    number
  >;
}

/**
 * Notes containers that are not to outlive the run: stopCompose() removes them, also for whoever finds the folder of a
 * run that was killed. Returns Compose's name for them.
 */
export function passing(folder: string, ports: Record<ServerName, number>): string {
  note(folder, { whole: false, ports });
  return project(folder);
}

/** Stops this state folder's containers, if any may be running; their data stays. Returns whether there were any. */
export async function stopCompose(folder: string): Promise<boolean> {
  const known = noted(folder);
  if (!known?.ports) return false;
  if (known.whole) await compose(folder, ['stop']);
  else await down(folder);
  note(folder, { whole: known.whole });
  return true;
}

/** Removes this state folder's containers with their data. */
export async function removeCompose(folder: string): Promise<void> {
  if (noted(folder) || (await dockerAnswers())) await down(folder);
}

/** Without the patience of a stop: nothing in them is wanted any more. */
const down = (folder: string) => compose(folder, ['down', '--volumes', '--remove-orphans', '--timeout', '1']);

const compose = (folder: string, args: string[]) =>
  docker(['compose', '-p', project(folder), '-f', file, '--profile', '*', ...args]).catch(async (error: Error) => {
    const obstacle = await dockerObstacle();
    if (obstacle === undefined) throw error;
    throw new Obstacle(
      `The containers of this clone cannot be reached: there is ${obstacle}.\n` +
        'Start Docker and try again. Without it, remove .state: the next start with Docker removes the containers.',
    );
  });

const project = (folder: string) =>
  `ablation-${createHash('sha256').update(realpathSync(folder)).digest('hex').slice(0, 8)}`;

/**
 * What it prints. In a process group of its own, so that a second Ctrl-C does not reach it while it stops containers.
 */
async function docker(args: string[], timeout?: number): Promise<string> {
  const child = spawn('docker', args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
    ...(timeout !== undefined && { timeout }),
  });
  const ended = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  const [code, out, error] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  if (code !== 0) throw new Obstacle(`docker ${args.join(' ')}: ${error.trim()}`);
  return out.trim();
}

function note(folder: string, what: Noted): void {
  writeFileSync(join(folder, 'docker.json'), JSON.stringify(what));
}

function noted(folder: string): Noted | undefined {
  try {
    return JSON.parse(readFileSync(join(folder, 'docker.json'), 'utf8')) as Noted;
  } catch {
    return undefined;
  }
}
