import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Experiment } from './experiment.ts';
import type { Result } from './run.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = join(root, 'practices');
const readme = join(root, 'README.md');
const [begin, end] = ['<!-- practices: written by `npm run practice <id>` -->', '<!-- /practices -->'];

/** Every experiment, by the name of its folder. */
export const ids: readonly string[] = globSync('*/experiment.ts', { cwd: folder })
  .map(dirname)
  .filter((id) => id !== 'lab')
  .sort();

export async function load(id: string): Promise<Experiment> {
  const { experiment } = (await import(join(folder, id, 'experiment.ts'))) as { experiment: Experiment };
  return experiment;
}

/** The last measurement, if there is one. */
export function lastResult(id: string): Result | undefined {
  const file = join(folder, id, 'result.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Result) : undefined;
}

/** Writes a measurement down, and the table that is made of all of them. */
export function keep(result: Result): void {
  writeFileSync(join(folder, result.id, 'result.json'), `${JSON.stringify(result, undefined, 2)}\n`);
  writeFileSync(readme, withTable(readFileSync(readme, 'utf8')));
}

/** Without and with the practice, in a sentence each. */
export function effect({ rounds, harm }: Pick<Result, 'rounds' | 'harm'>): { without: string; with: string } {
  const count = (value: number) => value.toLocaleString('en');
  const told = (practice: boolean) => {
    const those = rounds.filter(({ variant }) => variant.practice === practice);
    return those
      .map(({ variant, round }) => (those.length === 1 ? count(round.harm) : `${variant.name} ${count(round.harm)}`))
      .join(', ');
  };
  return { without: `${told(false)} ${harm}`, with: told(true) };
}

/** What is wrong with the pages: the generated table is stale, a link leads nowhere, a page lacks one of its parts. */
export function pageFaults(): Record<string, string[]> {
  const text = readFileSync(readme, 'utf8');
  const pages = globSync(['*.md', 'docs/**/*.md', 'practices/*/README.md'], { cwd: root }).map((page) =>
    join(root, page),
  );
  return {
    'README.md: the table of practices is what was measured':
      withTable(text) === text ? [] : ['it is stale: "npm run practice <id>" writes it'],
    'links lead somewhere': pages.flatMap(deadLinks),
    'every experiment has its page': ids.flatMap(missingParts),
  };
}

const parts = ['Predict first', 'Run', 'Read the number', 'Why', 'Where in the code', 'When not to use it'];

/** What the page of an experiment does not say. */
export function missingParts(id: string): string[] {
  const page = join(folder, id, 'README.md');
  if (!existsSync(page)) return [`practices/${id}/README.md is missing`];
  const text = readFileSync(page, 'utf8');
  return parts
    .filter((part) => !text.includes(`\n## ${part}\n`))
    .map((part) => `practices/${id}/README.md has no "${part}"`);
}

/** Links of a page to files that are not there; addresses elsewhere are not asked. */
export function deadLinks(page: string): string[] {
  const targets = [...readFileSync(page, 'utf8').matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target ?? '');
  return targets
    .filter((target) => !/^([a-z]+:|#)/.test(target) && !existsSync(resolve(dirname(page), target.replace(/#.*$/, ''))))
    .map((target) => `${relative(root, page)}: ${target} is not there`);
}

function withTable(text: string): string {
  const [before, rest] = text.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined)
    throw new Error(`${basename(readme)} has lost the marks of its table of practices: ${begin} … ${end}`);
  return `${before}${begin}\n${table()}\n${end}${after}`;
}

function table(): string {
  const rows = ids.flatMap((id) => {
    const result = lastResult(id);
    if (!result) return [];
    const { without, with: with_ } = effect(result);
    return [
      `| [${id}](practices/${id}) | ${without} | ${with_} | ${result.date.slice(0, 10)}, \`${result.commit.id.slice(0, 7)}\` |`,
    ];
  });
  return ['| practice | without it | with it | measured |', '|---|---|---|---|', ...rows].join('\n');
}
