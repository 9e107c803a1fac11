import { spawn, type ChildProcess } from 'node:child_process';
import { openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** How long a process may take to load, or to end when asked, on a busy machine. */
const PATIENCE_MS = 30_000;

interface Question {
  readonly text: unknown;
  readonly answer: (value: unknown) => void;
}

/**
 * A process that may die at any moment: killed at a fail-point it is started again at once, as a supervisor would, and whoever waits for
 * an answer asks again, as a client would whose connection broke.
 */
export class Victim {
  readonly #command: readonly string[];
  readonly #env: NodeJS.ProcessEnv;
  readonly #log: number;
  readonly #open = new Map<number, Question>();
  #child: ChildProcess | undefined;
  #ready = false;
  #stopping = false;
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
    this.#env = { ...process.env, NODE_COMPILE_CACHE: `${root}.cache/v8`, ...env };
    this.#log = openSync(log, 'a');
  }

  /** Resolves when the process says that it is ready. */
  async start(): Promise<void> {
    const started = new Promise<void>((resolve, reject) => (this.#started = { resolve, reject }));
    const late = setTimeout(() => this.#started?.reject(new Error(`${this.#command.at(-1)} is not ready after ${PATIENCE_MS / 1000} s`)), PATIENCE_MS);
    this.#spawn();
    await started.finally(() => clearTimeout(late));
  }

  /** Asks until there is an answer. */
  ask<T>(text: unknown): Promise<T> {
    return new Promise((answer) => {
      const id = ++this.#asked;
      this.#open.set(id, { text, answer: answer as (value: unknown) => void });
      if (this.#ready) this.#child?.send({ id, text });
    });
  }

  /** Asks it to end, and kills it when it does not. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
    await gone;
    clearTimeout(late);
  }

  #spawn(): void {
    this.#ready = false;
    const child = spawn(process.execPath, this.#command, { cwd: root, env: this.#env, stdio: ['ignore', this.#log, this.#log, 'ipc'] });
    this.#child = child;
    child.on('error', (error) => this.#started?.reject(error));
    child.on('message', (message) => this.#hear(message as { ready?: true; id?: number; answer?: unknown }));
    child.on('exit', (code, signal) => this.#died(code, signal));
  }

  #hear({ ready, id, answer }: { ready?: true; id?: number; answer?: unknown }): void {
    if (ready) {
      this.#ready = true;
      this.#started?.resolve();
      for (const [open, { text }] of this.#open) this.#child?.send({ id: open, text });
      return;
    }
    const question = this.#open.get(id ?? 0);
    this.#open.delete(id ?? 0);
    question?.answer(answer);
  }

  #died(code: number | null, signal: NodeJS.Signals | null): void {
    if (this.#stopping) return;
    if (signal === 'SIGKILL') {
      this.kills++;
      this.repeats += this.#open.size;
      this.#spawn();
      return;
    }
    this.#ready = false;
    this.accidents.push(`${this.#command.at(-1)} ended by itself (${signal ?? `exit code ${code}`})`);
    this.#started?.reject(new Error(this.accidents.at(-1)));
    for (const { answer } of this.#open.values()) answer(undefined);
    this.#open.clear();
  }
}
