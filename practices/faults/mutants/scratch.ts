import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const PATIENCE_MS = 180_000;
/** What each further file of the same run may add. */
const PATIENCE_A_FILE_MS = 15_000;
/** What is broken may never end: a hook that waits for it is not waited for. */
const HOOK_MS = 30_000;
/** What is not needed to run a spec, or is shared. */
const leftOut = /^(node_modules|dist|coverage|\.git|\.nx|\.cache|\.state.*)$/;

/** What a spec file came to: the sentences that turned red, or why it could not be run. */
export interface Run {
  readonly red: readonly string[];
  readonly green: number;
  readonly trouble?: string;
}

/** A copy of the tree that may be broken; the installed packages are shared by link. */
export class Scratch {
  private constructor(readonly folder: string) {}

  static async make(): Promise<Scratch> {
    const folder = mkdtempSync(join(tmpdir(), 'mutants-'));
    // Whoever makes load meanwhile goes on.
    await cp(root, folder, { recursive: true, filter: (path) => !leftOut.test(basename(path)) });
    linkPackages(folder);
    return new Scratch(folder);
  }

  /** Applies a patch for as long as `work` takes. Throws when it does not fit exactly once. */
  async patched<T>({ file, find, replace }: { file: string; find: string; replace: string }, work: () => Promise<T>): Promise<T> {
    const path = join(this.folder, file);
    const text = readFileSync(path, 'utf8');
    const places = text.split(find).length - 1;
    if (places !== 1) throw new Error(`stale: what it replaces in ${file} is there ${places} times`);
    writeFileSync(path, text.replace(find, () => replace));
    try {
      return await work();
    } finally {
      writeFileSync(path, text);
    }
  }

  /** Runs spec files of one kind as `npm test` does, until the first sentence that turns red; to their end where that is `whole`. */
  async specs(files: readonly string[], env: Record<string, string>, whole = false): Promise<Run> {
    const report = join(this.folder, 'report.json');
    rmSync(report, { force: true });
    const project = files.every((file) => file.endsWith('.int.spec.ts')) ? 'int' : 'unit';
    // Not for pure specs: when the very first of a file's tests fails, vitest ends before it has noted which.
    const bail = project === 'int' && !whole ? ['--bail', '1'] : [];
    const args = ['node_modules/vitest/vitest.mjs', 'run', '--project', project, ...bail, '--hookTimeout', `${HOOK_MS}`, '--reporter', 'json', '--outputFile', report, ...files];
    const child = spawn(process.execPath, args, { cwd: this.folder, env: { ...process.env, ...env }, stdio: 'ignore', detached: true });
    const late = setTimeout(() => process.kill(-child.pid!, 'SIGKILL'), PATIENCE_MS + (files.length - 1) * PATIENCE_A_FILE_MS);
    await once(child, 'exit');
    clearTimeout(late);
    return readReport(report);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

interface Report {
  testResults: { status: string; message?: string; assertionResults: { status: string; fullName: string }[] }[];
}

function readReport(file: string): Run {
  let report: Report;
  try {
    report = JSON.parse(readFileSync(file, 'utf8')) as Report;
  } catch {
    return { red: [], green: 0, trouble: `no end within ${PATIENCE_MS / 1_000} s, or no start` };
  }
  const tests = report.testResults.flatMap(({ assertionResults }) => assertionResults);
  const red = tests.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName);
  const broken = report.testResults.find(({ status, assertionResults }) => status === 'failed' && !assertionResults.some((test) => test.status === 'failed'));
  return { red, green: tests.filter(({ status }) => status === 'passed').length, ...(broken && { trouble: broken.message ?? 'a file does not load' }) };
}

/** The installed packages by link, except ours, which have to be those of the copy. */
function linkPackages(folder: string): void {
  const modules = join(folder, 'node_modules');
  mkdirSync(join(modules, '@shop'), { recursive: true });
  for (const name of readdirSync(join(root, 'node_modules'))) if (name !== '@shop') symlinkSync(join(root, 'node_modules', name), join(modules, name));
  for (const file of globSync(['{apps,libs}/*/package.json', '{infra,tools}/package.json'], { cwd: folder })) {
    symlinkSync(join(folder, dirname(file)), join(modules, '@shop', dirname(file).split('/').at(-1) ?? ''));
  }
}
