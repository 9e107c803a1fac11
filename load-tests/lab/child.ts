import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { ownEnvironment } from '@shop/infra/environment';
import { youngObjects } from '@shop/infra/shop';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** How long a process may take to load, or to end when asked, on a busy machine. */
const PATIENCE_MS = 30_000;

/** A process of a bench: what it costs is its own. It ends with the bench, however that ends. */
export class Child {
  readonly #process: ChildProcess;
  readonly #answers = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  #asked = 0;

  private constructor(main: string, env: NodeJS.ProcessEnv, tell: (text: unknown) => void) {
    // A base has what the shop's own processes have.
    const args = [...youngObjects, '--disable-warning=TimeoutNegativeWarning', '--import', './tools/ts.mjs', main];
    this.#process = spawn(process.execPath, args, {
      cwd: root,
      env: { ...ownEnvironment(), BENCH_VERBOSE: process.env['BENCH_VERBOSE'], ...env },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#process.on('message', (message) =>
      this.#hear(message as { id?: number; answer?: unknown; text?: unknown }, tell),
    );
    this.#process.once('exit', (code, signal) =>
      this.#fail(new Error(`${main} ended by itself (${signal ?? `exit code ${code}`})`)),
    );
  }

  /** Resolves when the process says that it is ready. `tell` hears what it says unasked. */
  static async start(main: URL, env: NodeJS.ProcessEnv, tell: (text: unknown) => void = () => {}): Promise<Child> {
    const child = new Child(fileURLToPath(main), env, tell);
    try {
      await child.#answer(0);
    } catch (error) {
      child.#process.kill('SIGKILL');
      throw error;
    }
    return child;
  }

  get pid(): number {
    return this.#process.pid ?? -1;
  }

  ask<T>(question: unknown): Promise<T> {
    const id = ++this.#asked;
    this.#process.send({ id, question }, () => {});
    return this.#answer(id) as Promise<T>;
  }

  /** Asks it to end, and kills it when it does not. */
  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const gone = once(this.#process, 'exit');
    this.#process.kill(signal);
    const late = setTimeout(() => this.#process.kill('SIGKILL'), PATIENCE_MS);
    await gone;
    clearTimeout(late);
  }

  #answer(id: number): Promise<unknown> {
    return new Promise((resolve, reject) => this.#answers.set(id, { resolve, reject }));
  }

  #hear({ id, answer, text }: { id?: number; answer?: unknown; text?: unknown }, tell: (text: unknown) => void): void {
    if (id === undefined) return tell(text);
    this.#answers.get(id)?.resolve(answer);
    this.#answers.delete(id);
  }

  #fail(error: Error): void {
    for (const { reject } of this.#answers.values()) reject(error);
    this.#answers.clear();
  }
}
