import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { dockerObstacle } from '@shop/infra/servers';
import { root } from './reached.ts';

/** Something that builds and runs containers. */
export interface Engine {
  readonly what: string;
  /** Runs `docker …` to its end and gives what it printed; throws when it fails, unless `refuses`. */
  docker(args: readonly string[], options?: DockerOptions): Promise<string>;
  /** Ends what was started for it. */
  close(): void;
}

interface DockerOptions {
  env?: Record<string, string>;
  /** How long it may take (minutes, 5). */
  minutes?: number;
  /** A failure is an answer. */
  refuses?: boolean;
}

/** Of a kit, of $KIT_DIR or beside the clone. */
const kit = () => resolve(root, process.env['KIT_DIR'] ?? '../shared', 'containers/engine');

/** The engine of a kit, else this machine's Docker; else why there is none. */
export async function findEngine(): Promise<Engine | string> {
  const program = kit();
  if (!existsSync(program)) return (await dockerObstacle()) ?? engine('Docker', {}, () => {});
  const ranBefore = !execFileSync(program, ['status'], { encoding: 'utf8' }).startsWith('service: not');
  // What it leaves running must not hold our pipes.
  const exports = execFileSync(program, ['up'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 300_000,
  });
  const close = () => void (ranBefore || execFileSync(program, ['down'], { stdio: ['ignore', 'ignore', 'inherit'] }));
  const lines = exports.matchAll(/^export (\w+)=(.*)$/gm);
  const env = Object.fromEntries([...lines].map(([, name = '', value = '']) => [name, value]));
  Object.assign(process.env, env);
  const obstacle = await dockerObstacle();
  if (obstacle === undefined) {
    execFileSync(program, ['images'], { stdio: ['ignore', 'ignore', 'inherit'], timeout: 600_000 });
    return engine('the engine of a kit', env, close);
  }
  close();
  return `a kit, and ${obstacle} ("engine compose" of the kit builds it)`;
}

function engine(what: string, settings: Record<string, string>, close: () => void): Engine {
  return {
    what,
    close,
    async docker(args, { env = {}, minutes = 5, refuses = false } = {}) {
      const child = spawn('docker', args, {
        cwd: root,
        env: { ...process.env, ...settings, ...env },
        stdio: ['ignore', 'pipe', 'pipe'],
        timeout: minutes * 60_000,
      });
      const [out, err, [code]] = await Promise.all([
        text(child.stdout),
        text(child.stderr),
        once(child, 'close') as Promise<[number | null]>,
      ]);
      if (code === 0 || refuses) return out.trim();
      throw new Error(
        `docker ${args.slice(0, 6).join(' ')} … failed (${code ?? `longer than ${minutes} minutes`}):\n${`${out}\n${err}`.trim().split('\n').slice(-25).join('\n')}`,
      );
    },
  };
}

/** Where the sources of images lie, for `docker build`. */
export const dockerfile = join('infra', 'images', 'Dockerfile');
