import type { Verdict } from './experiment.ts';
import type { Result } from './run.ts';

const BAR = 40;

const meaning: Record<Verdict, string> = {
  shown: 'the effect is shown: harm without the practice, none with it',
  gone: 'no effect: a naive variant did no harm this time, so nothing shows that the practice is needed',
  broken: 'the practice itself did harm',
  'cannot tell': 'this run cannot tell, which is no success',
};

/** What a run came to, for a terminal: a table of its figures, a bar for the harm, and what it means. */
export function show({ title, harm, verdict, load, rounds, seconds }: Result): string {
  const figures = [...new Set(rounds.flatMap(({ round }) => Object.keys(round.figures)))];
  const width = Math.max(...rounds.map(({ variant }) => variant.name.length));
  const columns = figures.map((figure) =>
    Math.max(figure.length, ...rounds.map(({ round }) => text(round.figures[figure]).length)),
  );
  const line = (name: string, cells: string[]) =>
    `  ${name.padEnd(width)}  ${cells.map((cell, index) => cell.padStart(columns[index] ?? 0)).join('  ')}`;
  const most = Math.max(1, ...rounds.map(({ round }) => round.harm));
  const bar = (count: number) => '█'.repeat(count === 0 ? 0 : Math.max(1, Math.round((count / most) * BAR)));
  return [
    '',
    `${title}: ${Object.entries(load)
      .map(([name, value]) => `${text(value)} ${name}`)
      .join(', ')}; ${seconds} s`,
    '',
    line('', figures),
    ...rounds.map(({ variant, round }) =>
      line(
        variant.name,
        figures.map((figure) => text(round.figures[figure])),
      ),
    ),
    '',
    `  ${harm}`,
    ...rounds.map(({ variant, round }) => `  ${variant.name.padEnd(width)}  ${bar(round.harm)} ${text(round.harm)}`),
    ...rounds.flatMap(({ variant, round }) =>
      (round.cases ?? []).slice(0, 3).map((one) => `    ${variant.name}: ${one}`),
    ),
    '',
    ...rounds.flatMap(({ variant, round }) => round.doubts.map((doubt) => `  ${variant.name}: ${doubt}`)),
    `  ${verdict}: ${meaning[verdict]}`,
  ].join('\n');
}

const text = (value: number | undefined) => value?.toLocaleString('en') ?? '–';
