import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bench, Result } from './bench.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = join(root, 'load-tests');

/** Every bench, by the name of its folder. */
export const ids: readonly string[] = globSync('*/bench.ts', { cwd: join(folder, 'benches') })
  .map(dirname)
  .sort();

export async function loadBench(id: string): Promise<Bench> {
  const { bench } = (await import(join(folder, 'benches', id, 'bench.ts'))) as { bench: Bench };
  return bench;
}

/** The last measurement, if there is one. */
export function lastResult(id: string): Result | undefined {
  const file = fileOf(id);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Result) : undefined;
}

/** Writes a measurement down, and into the pages that show it. */
export function keep(result: Result, pages: Readonly<Record<string, string>> = {}): string[] {
  mkdirSync(join(folder, 'results'), { recursive: true });
  writeFileSync(fileOf(result.id), `${JSON.stringify(result, undefined, 2)}\n`);
  for (const [page, text] of Object.entries(pages)) {
    const file = join(root, page);
    writeFileSync(file, withFigures(readFileSync(file, 'utf8'), result.id, text));
  }
  return [`load-tests/results/${result.id}.json`, ...Object.keys(pages)];
}

/** The page with these figures between its marks. */
export function withFigures(page: string, id: string, text: string): string {
  const [begin, end] = [`<!-- bench ${id} -->`, `<!-- /bench ${id} -->`];
  const [before, rest] = page.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined)
    throw new Error(`The page has lost the marks of its figures: ${begin} … ${end}`);
  return `${before}${begin}\n${text}\n${end}${after}`;
}

const fileOf = (id: string) => join(folder, 'results', `${id}.json`);
