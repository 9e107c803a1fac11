import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ownEnvironment } from '@shop/infra/environment';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** How long a process may take to load, or to end when asked, on a busy machine. */
const PATIENCE_MS = 60_000;

interface Question {
  readonly text: unknown;
  readonly answer: (value: unknown) => void;
}

/**
 * A process that may die at any moment: killed at a fail-point it is started again at once, as a supervisor would, and
 * whoever waits for an answer asks again, as a client would whose connection broke.
 */
export class Victim {
  readonly #command: readonly string[];
  readonly #env: NodeJS.ProcessEnv;
  readonly #log: number;
  readonly #open = new Map<number, Question>();
  #child: ChildProcess | undefined;
  #ready = false;
  #stopping = false;
  #stopped: Promise<void> | undefined;
  #late: NodeJS.Timeout | undefined;
  #asked = 0;
  #started: { resolve: () => void; reject: (error: Error) => void } | undefined;

  /** Deaths by SIGKILL. */
  kills = 0;
  /** Questions that had to be asked again. */
  repeats = 0;
  /** Deaths that nobody planned. */
  readonly accidents: string[] = [];

  constructor(main: string, env: NodeJS.ProcessEnv, log: string) {
    this.#command = ['--import', './tools/ts.mjs', main];
    this.#env = { ...ownEnvironment(), NODE_COMPILE_CACHE: `${root}.cache/v8`, ...env };
    this.#log = openSync(log, 'a');
  }

  /** Resolves when the process says that it is ready. */
  async start(): Promise<void> {
    const started = new Promise<void>((resolve, reject) => (this.#started = { resolve, reject }));
    this.#spawn();
    await started;
  }

  /** Asks until there is an answer; none comes any more after an accident. */
  ask<T>(text: unknown): Promise<T | undefined> {
    if (this.accidents.length > 0) return Promise.resolve(undefined);
    return new Promise((answer) => {
      const id = ++this.#asked;
      this.#open.set(id, { text, answer: answer as (value: unknown) => void });
      if (this.#ready) this.#send(id, text);
    });
  }

  /** Ends it as a deployment does, by SIGTERM, and starts it anew; resolves when it is ready again. */
  async restart(): Promise<void> {
    const ended = await this.#end();
    this.#stopping = false;
    if (ended?.exitCode !== 0 && ended?.signalCode !== 'SIGTERM')
      this.#failed(`did not end when asked to (${ended?.signalCode ?? `exit code ${ended?.exitCode}`})`);
    else await this.start();
  }

  /** Asks it to end, and kills it when it does not. */
  stop(): Promise<void> {
    return (this.#stopped ??= this.#end().then(() => closeSync(this.#log)));
  }

  async #end(): Promise<ChildProcess | undefined> {
    this.#stopping = true;
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return child;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
    await gone;
    clearTimeout(late);
    return child;
  }

  #send(id: number, text: unknown): void {
    // Dead already, though nobody has said so yet? Then it is asked again.
    this.#child?.send({ id, text }, () => {});
  }

  #spawn(): void {
    this.#ready = false;
    const child = spawn(process.execPath, this.#command, {
      cwd: root,
      env: this.#env,
      stdio: ['ignore', this.#log, this.#log, 'ipc'],
    });
    this.#child = child;
    this.#late = setTimeout(() => this.#failed(`is not ready after ${PATIENCE_MS / 1000} s`), PATIENCE_MS);
    child.on('error', (error) => this.#failed(`could not be started: ${error.message}`));
    child.on('message', (message) => this.#hear(message as { ready?: true; id?: number; answer?: unknown }));
    child.on('exit', (code, signal) => this.#died(code, signal));
  }

  #hear({ ready, id, answer }: { ready?: true; id?: number; answer?: unknown }): void {
    if (ready) {
      this.#ready = true;
      clearTimeout(this.#late);
      this.#started?.resolve();
      for (const [open, { text }] of this.#open) this.#send(open, text);
      return;
    }
    const question = this.#open.get(id ?? 0);
    this.#open.delete(id ?? 0);
    question?.answer(answer);
  }

  #died(code: number | null, signal: NodeJS.Signals | null): void {
    clearTimeout(this.#late);
    if (this.#stopping) return;
    if (signal === 'SIGKILL') {
      this.kills++;
      this.repeats += this.#open.size;
      this.#spawn();
      return;
    }
    this.#failed(`ended by itself (${signal ?? `exit code ${code}`})`);
  }

  #failed(how: string): void {
    this.#ready = false;
    this.accidents.push(`${this.#command.at(-1)} ${how}`);
    this.#started?.reject(new Error(this.accidents.at(-1)));
    for (const { answer } of this.#open.values()) answer(undefined);
    this.#open.clear();
  }
}
