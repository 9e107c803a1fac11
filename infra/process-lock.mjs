/**
 * A lock file that dies with its holder. It names the holder by process id and start time, so that a lock left by a
 * kill -9, or whose process id has since been given to another program, is known to be stale and taken over.
 */
import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, readFileSync, rmdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

let boot;

/**
 * When a process began, in a form that is only good for comparing: together with the process id it names one process
 * for ever.
 * @param {number} pid
 * @returns {string | undefined} undefined when there is no such process (or only its zombie)
 */
export function startOf(pid) {
  if (process.platform !== 'linux') return startByPs(pid);
  try {
    boot ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in brackets and may hold anything, so fields are counted after its end.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : `${boot}:${fields[19]}`;
  } catch {
    return undefined;
  }
}

function startByPs(pid) {
  try {
    // The same for whoever asks, whatever language and time zone their terminal is set to.
    const env = { ...process.env, LC_ALL: 'C', TZ: 'UTC' };
    const [state, ...started] = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      env,
    })
      .trim()
      .split(/\s+/);
    return state.startsWith('Z') ? undefined : started.join(' ');
  } catch {
    return undefined;
  }
}

/**
 * Whether the very process that was written down still runs.
 * @param {{ pid: number, start: string }} recorded
 */
export const isAlive = ({ pid, start }) => startOf(pid) === start;

/**
 * Who holds a lock now.
 * @param {string} path
 * @returns {{ pid: number, start: string, since: string } | undefined}
 */
export function holderOf(path) {
  const holder = readHolder(path);
  return holder && isAlive(holder) ? holder : undefined;
}

function readHolder(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

/**
 * Takes the lock for this process, or says who has it.
 * @param {string} path
 * @returns {{ taken: true, release(): void } | { taken: false, holder: { pid: number, start: string, since: string } }}
 */
export function takeLock(path) {
  mkdirSync(dirname(path), { recursive: true });
  const mine = `${path}.${process.pid}`;
  writeFileSync(
    mine,
    JSON.stringify({ pid: process.pid, start: startOf(process.pid), since: new Date().toISOString() }),
  );
  try {
    for (;;) {
      // A link appears whole or not at all, so that nobody ever reads half a lock.
      if (tryLink(mine, path)) return { taken: true, release: () => release(path) };
      const holder = holderOf(path);
      if (holder) return { taken: false, holder };
      removeStale(path);
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

function tryLink(from, to) {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Two processes may find the same stale lock: only the one in the guard removes it, after a second look. */
function removeStale(path) {
  const guard = `${path}.takeover`;
  try {
    mkdirSync(guard);
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    const age = Date.now() - (statSync(guard, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > 5_000) rmSync(guard, { recursive: true, force: true });
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    return;
  }
  try {
    if (!holderOf(path)) rmSync(path, { force: true });
  } finally {
    rmdirSync(guard);
  }
}

function release(path) {
  if (readHolder(path)?.pid === process.pid) rmSync(path, { force: true });
}
