import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive, startOf } from './process-lock.mjs';
import { ownEnvironment } from './shell-environment.mjs';

/** What to run. The first to write to a log begins it anew; the others of the same launcher go on in it. */
export interface Command {
  name: string;
  command: string;
  args: string[];
  log: string;
  cwd: string;
  /** What a server needs of the machine, and nothing of the person's shell, unless said. */
  env?: NodeJS.ProcessEnv;
  /** Run as another user (only root can). */
  user?: { uid: number; gid: number } | undefined;
  /** The signal that asks it to end in good order; SIGTERM unless said. */
  signal?: NodeJS.Signals;
  /**
   * A Node process of ours: it gets an IPC channel and ends by itself when that closes. Anything else is kept on a
   * leash.
   */
  ours?: boolean;
}

export interface RunningProcess {
  readonly name: string;
  readonly pid: number;
  readonly ours: boolean;
  /** Resolves when it is gone, with how it went. */
  readonly exited: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;
  kill(signal: NodeJS.Signals): void;
  /** Asks it to end and kills it when it has not within the deadline (ms). */
  stop(deadline?: number): Promise<void>;
}

interface ProcessRecord {
  name: string;
  pid: number;
  start: string;
  signal: NodeJS.Signals;
}

/**
 * Holds a foreign program, so that it ends with its launcher even when the launcher is killed -9: standard input is a
 * pipe from the launcher, and when it closes the program gets its signal. The shell is the program's parent, so that
 * the process id it signals cannot have been given to another. It tells the program's process id on descriptor 3. (A
 * shell has its children ignore SIGINT: who is to be ended by that signal must install its own handler, as Postgres
 * does.)
 */
const leash = `
signal=$1; shift
exec 4<&0 </dev/null
"$@" 3>&- 4<&- & server=$!
echo $server >&3; exec 3>&-
trap 'kill -s $signal $server' INT TERM HUP
{ trap - INT TERM HUP; read -r _ <&4; kill -s $signal $server; } 2>/dev/null & watch=$!
exec 4<&-
wait $server; code=$?
while kill -0 $server 2>/dev/null; do wait $server; code=$?; done
kill -KILL $watch 2>/dev/null; wait $watch 2>/dev/null
exit $code`;

/**
 * Every process a launcher starts. Each is written down in the folder (process id, start time, what it is), so that
 * whatever outlives a killed launcher is found and ended by the next one: by identity, never by name.
 */
export class Processes {
  private readonly running = new Set<RunningProcess>();
  private readonly starting = new Set<Promise<unknown>>();
  private readonly logs = new Set<string>();
  private closed = false;

  /** Everything is being stopped: a death is no accident any more. */
  get stopping(): boolean {
    return this.closed;
  }

  constructor(private readonly folder: string) {
    mkdirSync(folder, { recursive: true });
  }

  /** What runs now, by name. */
  get pids(): { name: string; pid: number }[] {
    return [...this.running].map(({ name, pid }) => ({ name, pid }));
  }

  /**
   * Starts a program in a process group of its own, so that a Ctrl-C in the terminal reaches the launcher only, which
   * ends things in order.
   */
  start(what: Command): Promise<RunningProcess> {
    if (this.closed) return Promise.reject(new Error(`${what.name} is not started: everything is being stopped.`));
    const begun = this.begin(what);
    this.starting.add(begun);
    const done = () => this.starting.delete(begun);
    begun.then(done, done);
    return begun;
  }

  private async begin(what: Command): Promise<RunningProcess> {
    const log = openSync(what.log, this.logs.has(what.log) ? 'a' : 'w');
    this.logs.add(what.log);
    try {
      const { ours, command, args, signal = 'SIGTERM' } = what;
      const stdio: SpawnOptions['stdio'] = ours ? ['ignore', log, log, 'ipc'] : ['pipe', log, log, 'pipe'];
      const options: SpawnOptions = {
        cwd: what.cwd,
        env: what.env ?? ownEnvironment(),
        detached: true,
        stdio,
        ...what.user,
      };
      const child = ours
        ? spawn(command, args, options)
        : spawn('/bin/sh', ['-c', leash, 'leash', signal.slice(3), command, ...args], options);
      return this.follow(what, child, ours ? await spawned(child) : await toldPid(child));
    } finally {
      closeSync(log);
    }
  }

  private follow(
    { name, signal = 'SIGTERM', ours = false }: Command,
    child: ChildProcess,
    pid: number,
  ): RunningProcess {
    const file = join(this.folder, `${name}.json`);
    const record: ProcessRecord = { name, pid, start: startOf(pid) ?? '', signal };
    writeFileSync(file, JSON.stringify(record));
    const exited = new Promise<Awaited<RunningProcess['exited']>>((resolve) => {
      const gone = (code: number | null, by: NodeJS.Signals | null) => {
        rmSync(file, { force: true });
        this.running.delete(running);
        resolve({ code, signal: by });
      };
      if (child.exitCode !== null || child.signalCode !== null) setImmediate(gone, child.exitCode, child.signalCode);
      else child.once('exit', gone);
    });
    const running: RunningProcess = {
      name,
      pid,
      exited,
      ours,
      kill: (by) => void (isAlive(record) && process.kill(pid, by)),
      stop: (deadline = 30_000) => end(record, exited, deadline),
    };
    this.running.add(running);
    return running;
  }

  /** Ends everything still running, our own processes first and then the servers they use, and starts nothing more. */
  async stopAll(): Promise<void> {
    this.closed = true;
    await Promise.allSettled(this.starting);
    const stop = (these: RunningProcess[]) => Promise.all(these.map((each) => each.stop()));
    await stop([...this.running].filter(({ ours }) => ours));
    await stop([...this.running]);
  }
}

async function spawned(child: ChildProcess): Promise<number> {
  if (child.pid === undefined) await new Promise((_, reject) => child.once('error', reject));
  return child.pid!;
}

async function toldPid(leashed: ChildProcess): Promise<number> {
  (leashed.stdin as Writable).on('error', () => {});
  await spawned(leashed);
  let told = '';
  for await (const chunk of leashed.stdio[3] as Readable) told += String(chunk);
  return Number(told);
}

async function end(record: ProcessRecord, exited: Promise<unknown>, deadline: number): Promise<void> {
  if (isAlive(record)) process.kill(record.pid, record.signal);
  const giveUp = new AbortController();
  const late = sleep(deadline, 'late', { signal: giveUp.signal }).catch(() => 'cancelled');
  if ((await Promise.race([exited, late])) === 'late' && isAlive(record)) process.kill(record.pid, 'SIGKILL');
  giveUp.abort();
  await exited;
}

/**
 * Ends what an earlier launcher left running. Returns the names. The caller holds the state's lock, so nobody else is
 * using them.
 */
export async function endLeftovers(folder: string, deadline = 30_000): Promise<string[]> {
  const records = recordsIn(folder);
  const left = records.filter(isAlive);
  await Promise.all(
    left.map(async (record) => {
      process.kill(record.pid, 'SIGCONT');
      await end(record, gone(record), deadline);
    }),
  );
  for (const { name } of records) rmSync(join(folder, `${name}.json`), { force: true });
  return left.map(({ name }) => name);
}

/** A record that a kill or a full disk cut off says nothing, and must not hide the others. */
function recordsIn(folder: string): ProcessRecord[] {
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')) : [];
  return names.flatMap((name) => {
    try {
      return [JSON.parse(readFileSync(join(folder, name), 'utf8')) as ProcessRecord];
    } catch {
      return [];
    }
  });
}

async function gone(record: ProcessRecord): Promise<void> {
  while (isAlive(record)) await sleep(20);
}
