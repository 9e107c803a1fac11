import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { cp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { placesOf } from './place.ts';
import type { Run, Wish } from './spec-runner.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const PATIENCE_MS = 180_000;
/** What each further file of the same run may add. */
const PATIENCE_A_FILE_MS = 15_000;
/** What is not needed to run a spec, or is shared. */
const leftOut = /^(node_modules|dist|coverage|\.git|\.nx|\.cache|\.state.*)$/;

/** A copy of the tree that may be broken; the installed packages are shared by link. */
export class Scratch {
  #runner: ChildProcess | undefined;
  /** Files that are others than when the runner last read them. */
  readonly #changed = new Set<string>();

  private constructor(
    readonly folder: string,
    private readonly env: Readonly<Record<string, string>>,
  ) {}

  /** `env`: what specs find in their environment, beside what is in ours. */
  static async make(env: Readonly<Record<string, string>> = {}): Promise<Scratch> {
    const folder = mkdtempSync(join(tmpdir(), 'mutants-'));
    // Whoever makes load meanwhile goes on.
    await cp(root, folder, { recursive: true, filter: (path) => !leftOut.test(basename(path)) });
    linkPackages(folder);
    return new Scratch(folder, env);
  }

  /** Applies a patch for as long as `work` takes. Throws when it does not fit exactly once. */
  async patched<T>(
    { file, find, replace }: { file: string; find: string; replace: string },
    work: () => Promise<T>,
  ): Promise<T> {
    const path = join(this.folder, file);
    const text = readFileSync(path, 'utf8');
    const [place, ...more] = placesOf(find, text);
    if (!place || more.length > 0)
      throw new Error(`stale: what it replaces in ${file} is there ${place ? 1 + more.length : 0} times`);
    writeFileSync(path, text.slice(0, place.index) + replace + text.slice(place.index + place[0].length));
    this.#changed.add(file);
    try {
      return await work();
    } finally {
      writeFileSync(path, text);
      this.#changed.add(file);
    }
  }

  /**
   * Runs spec files as `npm test` does: when they need servers until the first sentence that turns red, or to their end
   * where that is `whole`.
   */
  async specs(files: readonly string[], whole = false): Promise<Run> {
    const changed = [...this.#changed];
    this.#changed.clear();
    this.#runner ??= await this.#start();
    const runner = this.#runner;
    const answer = first(runner);
    runner.send({
      files,
      changed,
      untilRed: !whole && files.every((file) => file.endsWith('.int.spec.ts')),
    } satisfies Wish);
    const late = setTimeout(() => this.#stop(), PATIENCE_MS + (files.length - 1) * PATIENCE_A_FILE_MS);
    const run = (await answer) as Run | undefined;
    clearTimeout(late);
    if (run === undefined) this.#stop();
    return run ?? { red: [], green: 0, trouble: `no end within ${PATIENCE_MS / 1_000} s, or Vitest ended` };
  }

  remove(): void {
    this.#stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #start(): Promise<ChildProcess> {
    const child = spawn(process.execPath, ['practices/faults/mutants/spec-runner.ts'], {
      cwd: this.folder,
      env: { ...process.env, ...this.env },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      detached: true,
    });
    if ((await first(child)) !== 'ready') throw new Error('Vitest did not start in the copy of the tree.');
    return child;
  }

  /** With what it started: Vitest runs specs in processes of their own. */
  #stop(): void {
    const pid = this.#runner?.exitCode === null ? this.#runner.pid : undefined;
    this.#runner = undefined;
    try {
      if (pid !== undefined) process.kill(-pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

/** The next message of a process, or nothing when it ends without. */
async function first(child: ChildProcess): Promise<unknown> {
  const heard = new AbortController();
  const message = once(child, 'message', heard).then(([one]) => one as unknown);
  const end = once(child, 'exit', heard).then(() => undefined);
  try {
    return await Promise.race([message, end]);
  } finally {
    heard.abort();
    await Promise.allSettled([message, end]);
  }
}

/** The installed packages by link, except ours, which have to be those of the copy. */
function linkPackages(folder: string): void {
  const modules = join(folder, 'node_modules');
  mkdirSync(join(modules, '@shop'), { recursive: true });
  for (const name of readdirSync(join(root, 'node_modules')))
    if (name !== '@shop') symlinkSync(join(root, 'node_modules', name), join(modules, name));
  for (const file of globSync(['{apps,libs}/*/package.json', '{infra,tools}/package.json'], { cwd: folder })) {
    symlinkSync(join(folder, dirname(file)), join(modules, '@shop', dirname(file).split('/').at(-1) ?? ''));
  }
}
