import type { Violation } from '../checker/evidence.ts';
import type { Result } from './run.ts';
import type { Verdict } from './verdict.ts';

const meaning: Record<Verdict, string> = {
  held: 'every invariant held',
  violated: 'something that must hold did not',
  'cannot tell': 'this run cannot tell, which is no success',
};
/** So many kinds of violations, and so many of each. */
const [KINDS, EACH] = [12, 3];

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
      ...byKind(violations),
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

/**
 * A few of each kind, and how many more there are, so that what comes often hides nothing else. Kinds differ by more
 * than numbers and ids.
 */
export function byKind(violations: readonly Violation[]): string[] {
  const kind = ({ invariant, about, what }: Violation) =>
    `${invariant} ${`${about}: ${what}`.replace(/[0-9a-f]*\d[0-9a-f-]*/g, 'n')}`;
  const kinds = [...Map.groupBy(violations, kind).values()];
  return [
    ...kinds
      .slice(0, KINDS)
      .flatMap((some) => [
        ...some.slice(0, EACH).map(({ invariant, about, what }) => `  ${invariant}  ${about}: ${what}`),
        ...(some.length > EACH ? [`      and ${some.length - EACH} more of this kind`] : []),
      ]),
    ...(kinds.length > KINDS ? [`  and ${kinds.length - KINDS} more kinds`] : []),
  ];
}
