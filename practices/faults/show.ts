import type { Result } from './run.ts';
import type { Verdict } from './verdict.ts';

const meaning: Record<Verdict, string> = {
  held: 'every invariant held',
  violated: 'something that must hold did not',
  'cannot tell': 'this run cannot tell, which is no success',
};
const MOST = 12;

/** What a run came to, for a terminal: a table of its figures by seed, and what broke. */
export function show({ id, title, rounds, verdict, seconds }: Result): string {
  const figures = [...new Set(rounds.flatMap((round) => Object.keys(round.figures)))];
  const width = Math.max(...figures.map((figure) => figure.length));
  const cells = (of: (round: Result['rounds'][number]) => string) =>
    rounds.map((round) => of(round).padStart(11)).join('');
  return [
    '',
    `${id}: ${title}; ${seconds} s`,
    '',
    `  ${'seed'.padEnd(width)}${cells(({ seed }) => String(seed))}`,
    ...figures.map(
      (figure) => `  ${figure.padEnd(width)}${cells((round) => round.figures[figure]?.toLocaleString('en') ?? '–')}`,
    ),
    `  ${'violations'.padEnd(width)}${cells(({ violations }) => String(violations.length))}`,
    '',
    ...rounds.flatMap(({ seed, violations, broken, doubts, accidents }) => [
      ...violations.slice(0, MOST).map(({ invariant, about, what }) => `  ${invariant}  ${about}: ${what}`),
      ...(violations.length > MOST ? [`  and ${violations.length - MOST} more`] : []),
      ...[...broken, ...doubts].map((one) => `  seed ${seed}: ${one}`),
      ...(violations.length > 0
        ? accidents.map(
            ({ what, atMs, inFlight }) =>
              `  seed ${seed}, after ${atMs} ms: ${what} (${Object.entries(inFlight)
                .map(([name, count]) => `${count} ${name}`)
                .join(', ')})`,
          )
        : []),
    ]),
    `  ${verdict}: ${meaning[verdict]}`,
  ].join('\n');
}
