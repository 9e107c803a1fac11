import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { onPath } from '../cache.ts';
import { repository } from './overlay.ts';

/** What an API server said of some manifests: each object that it refuses, with its reason. */
export interface Verdict {
  objects: number;
  refused: string[];
}

/** An API server that has the custom resource definitions of our operators, and tries manifests without keeping any. */
export interface ApiServer {
  readonly what: string;
  /** As `kubectl kustomize` renders it. */
  kustomize(folder: string): Promise<string>;
  tries(manifests: string): Promise<Verdict>;
  close(): Promise<void>;
}

/** Folder of kits: of the one beside the clone, or $KIT_DIR. */
const kit = () => resolve(repository, process.env['KIT_DIR'] ?? '../shared', 'k8s/apiserver');

/** A server of the kit's, else the cluster of $KUBECONFIG; else why there is none. */
export async function findApiServer(): Promise<ApiServer | string> {
  if (existsSync(kit())) return kitServer(kit());
  const config = process.env['KUBECONFIG'];
  if (config === undefined) return 'no kit (KIT_DIR) and no KUBECONFIG';
  if (!onPath('kubectl')) return 'KUBECONFIG says where a cluster is, but there is no kubectl';
  return cluster(config);
}

async function kitServer(program: string): Promise<ApiServer> {
  // What it leaves running must not hold our pipes.
  const exports = execFileSync(program, ['up'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 120_000,
  });
  const env = execFileSync('bash', ['-c', `${exports}\nenv -0`], { encoding: 'utf8' });
  const wanted = ['PATH', 'KUBECONFIG', 'KUBECACHEDIR', 'K8S_KIT_RUN'];
  const set = Object.fromEntries(
    env
      .split('\0')
      .flatMap((line) =>
        wanted.includes(line.split('=', 1)[0]!) ? [[line.split('=', 1)[0]!, line.slice(line.indexOf('=') + 1)]] : [],
      ),
  );
  return {
    what: 'a real API server (kit)',
    kustomize: async (folder) => (await run('kubectl', ['kustomize', folder], { env: set })).out,
    tries: async (manifests) =>
      verdict((await run(program, ['validate', '-'], { env: set, input: manifests, refuses: true })).out),
    close: async () => void (await run(program, ['down'], { env: set })),
  };
}

/** `validate` says one line for each object, and under one that is refused its reasons. */
function verdict(said: string): Verdict {
  const refused = said.split(/^(?=ok {8}|REJECTED|\d+ objects)/m).filter((part) => part.startsWith('REJECTED'));
  const objects = Number(/^(\d+) objects, \d+ rejected$/m.exec(said)?.[1] ?? 0);
  return {
    objects,
    refused: refused.map((part) =>
      part
        .replace(/^REJECTED\s+/, '')
        .replaceAll(/\s+/g, ' ')
        .trim(),
    ),
  };
}

function cluster(config: string): ApiServer {
  const arguments_ = [
    'apply',
    '--server-side',
    '--dry-run=server',
    '--validate=strict',
    '--force-conflicts',
    '--field-manager=k8s-check',
    '-f',
    '-',
  ];
  return {
    what: `the cluster of ${config}`,
    kustomize: async (folder) => (await run('kubectl', ['kustomize', folder])).out,
    tries: async (manifests) => {
      const { out, err } = await run('kubectl', arguments_, { input: manifests, refuses: true });
      const refused = err.split('\n').filter((line) => /would violate PodSecurity|rror/.test(line));
      return { objects: out.split('\n').filter(Boolean).length + refused.length, refused };
    },
    close: async () => {},
  };
}

interface Running {
  env?: Record<string, string>;
  input?: string;
  /** An exit code that is not 0 is an answer. */
  refuses?: boolean;
}

async function run(
  program: string,
  args: string[],
  { env = {}, input = '', refuses = false }: Running = {},
): Promise<{ out: string; err: string }> {
  const child = spawn(program, args, { cwd: repository, env: { ...process.env, ...env }, timeout: 120_000 });
  child.stdin.on('error', () => {}); // it may end before it has read everything
  child.stdin.end(input);
  const [out, err, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit') as Promise<[number | null]>,
  ]);
  if (code === 0 || (refuses && code === 1)) return { out, err };
  throw new Error(`${program} ${args[0]} failed (${code}): ${err || out}`);
}
