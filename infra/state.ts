import { execFileSync, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { holderOf, takeLock, type Holder } from './process-lock.mjs';
import { endLeftovers, Processes } from './processes.ts';
import { secretsOf } from './secrets.ts';

/** Where this clone keeps what runs: data, logs, secrets, and the list of processes. Ignored by Git. */
export const defaultState = fileURLToPath(new URL('../.state', import.meta.url));

/** An expected obstacle with a sentence for the person at the keyboard: shown without a stack. */
export class Obstacle extends Error {}

export interface State {
  folder: string;
  processes: Processes;
  /** Secrets are derived from one random seed: the same name gives the same secret until the state is wiped. */
  secret(name: string): string;
  /** Something else to undo on close. */
  defer(undo: () => Promise<unknown>): void;
  /** Ends every process started through it and gives the lock back. */
  close(): Promise<void>;
}

/** Takes the state folder for this process. Whatever a killed launcher left running there is ended first. */
export async function openState(path: string, say: (line: string) => void): Promise<State> {
  const folder = makeFolder(resolve(path));
  const lock = takeLock(join(folder, 'lock'));
  if (!lock.taken)
    throw new Obstacle(
      `Already running here since ${lock.holder.since} (process ${lock.holder.pid}). "npm stop" ends it.`,
    );
  const records = join(folder, 'processes');
  const left = await endLeftovers(records);
  if (left.length > 0) say(`Ended what an earlier start left running: ${left.join(', ')}`);
  mkdirSync(join(folder, 'logs'), { recursive: true, mode: 0o700 });
  const processes = new Processes(records);
  const seed = seedOf(folder);
  const undos: (() => Promise<unknown>)[] = [];
  return {
    folder,
    processes,
    secret: secretsOf(seed),
    defer: (undo) => void undos.push(undo),
    async close() {
      await processes.stopAll();
      await Promise.allSettled(undos.splice(0).map((undo) => undo()));
      lock.release();
    },
  };
}

/** Who runs on this state folder now, if anyone. */
export const holderOfState = (path: string): Holder | undefined => holderOf(join(path, 'lock'));

/** Removes all of it, wherever it really lies. Nothing may be running on it. */
export function wipeState(path: string): void {
  const entry = lstatSync(path, { throwIfNoEntry: false });
  if (entry?.isSymbolicLink()) rmSync(resolve(dirname(path), readlinkSync(path)), { recursive: true, force: true });
  rmSync(path, { recursive: true, force: true });
}

/** Postgres refuses to run as root: then it runs as this user. undefined when we are not root. */
export function serverUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  for (const name of ['postgres', 'nobody']) {
    try {
      const number = (flag: string) =>
        Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
      return { uid: number('-u'), gid: number('-g') };
    } catch {
      continue;
    }
  }
  throw new Obstacle(
    'Postgres does not run as root, and there is neither a user "postgres" nor "nobody". Start as an ordinary user.',
  );
}

/**
 * Whether that user can run the file or enter the folder: asked of the system itself, which knows about every mode and
 * list on the way.
 */
export function canReach(path: string, user: { uid: number; gid: number }): boolean {
  return spawnSync('/bin/sh', ['-c', 'test -x "$0"', path], { cwd: '/', ...user }).status === 0;
}

/**
 * The folder itself, or, where it lies behind a folder that the server's user cannot enter (a clone under /root or any
 * mode 0700), one under /var/tmp with a link to it.
 */
function makeFolder(path: string): string {
  if (!existsSync(path)) {
    mkdirSync(dirname(path), { recursive: true });
    rmSync(path, { force: true });
    const user = serverUser();
    if (user && !canReach(dirname(path), user)) symlinkSync(makeElsewhere(path), path);
    else mkdirSync(path);
  }
  const folder = realpathSync(path);
  const owner = statSync(folder).uid;
  const me = process.getuid?.() ?? owner;
  if (owner !== me) throw new Obstacle(`${path} belongs to another user (${owner}): start as that user, or remove it.`);
  // Data, mails and logs are nobody else's; as root, Postgres's user still has to pass through to its own.
  chmodSync(folder, me === 0 ? 0o711 : 0o700);
  return folder;
}

function makeElsewhere(path: string): string {
  const origin = join(realpathSync(dirname(path)), basename(path));
  const folder = join('/var/tmp', `ablation-${createHash('sha256').update(origin).digest('hex').slice(0, 12)}`);
  mkdirSync(folder, { recursive: true });
  if (!lstatSync(folder).isDirectory()) throw new Obstacle(`${folder} is not a folder: remove it and start again.`);
  return folder;
}

function seedOf(folder: string): string {
  const file = join(folder, 'seed');
  if (!existsSync(file)) {
    // Renamed when it is whole: what a full disk cut off would make secrets that anybody can guess.
    writeFileSync(`${file}.new`, randomBytes(32).toString('hex'), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  }
  return readFileSync(file, 'utf8');
}
