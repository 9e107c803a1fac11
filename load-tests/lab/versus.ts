import { NOISE, spread, type Spread } from './bench.ts';

/** What one side came to in one round. */
export interface Round {
  /** What was done a second: the more, the better. */
  readonly perSecond: number;
  readonly failed: number;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  readonly meanMs?: number;
  /**
   * Processor time per request, in microseconds, of each process that had to do with it, and of the tool that asked.
   */
  readonly cpuMicros: Readonly<Record<string, number>>;
}

export interface Side {
  readonly name: string;
  run(): Promise<Round>;
  /** Before the next side's turn: until nothing is left of the work of this one. */
  rest?(): Promise<void>;
}

export type Rounds = Readonly<Record<string, readonly Round[]>>;

/** A line of the table in docs/benchmarks.md. */
export interface Verdict {
  /** Its number in the table of what has to be shown. */
  readonly id: string;
  readonly what: string;
  readonly base: string;
  readonly goal: string;
  /** What was measured, for people. */
  readonly measured: string;
  /** Empty where there is no goal. */
  readonly verdict: 'met' | 'short' | 'too noisy' | '';
  readonly ratio?: Spread;
}

/** All sides in turn, A B C A B C …, so that what the machine does meanwhile befalls all. */
export async function inTurn(sides: readonly Side[], rounds: number, say: (line: string) => void): Promise<Rounds> {
  const found: Record<string, Round[]> = Object.fromEntries(sides.map(({ name }) => [name, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const side of sides) {
      const came = await side.run();
      found[side.name]?.push(came);
      say(
        `round ${round} of ${rounds}: ${side.name} ${came.perSecond.toLocaleString('en')} a second${came.failed === 0 ? '' : `, ${came.failed} failed`}`,
      );
      await side.rest?.();
    }
  }
  return found;
}

export interface Against {
  readonly id: string;
  readonly what: string;
  readonly base: string;
  /** Of the base's rate, at least. */
  readonly atLeast: number;
}

/** One side by another, inside each round. */
export function against(rounds: Rounds, ours: string, theirs: string, { id, what, base, atLeast }: Against): Verdict {
  const rate = (side: string) => (rounds[side] ?? []).map(({ perSecond }) => perSecond);
  const others = rate(theirs);
  const ratio = spread(rate(ours).map((value, round) => value / (others[round] ?? NaN)));
  const median = (side: string) => Math.round(spread(rate(side)).median).toLocaleString('en');
  return {
    id,
    what,
    base,
    goal: `≥ ${atLeast} ×`,
    measured: `${ratio.median} × (${ratio.min} – ${ratio.max}): ${median(ours)} against ${median(theirs)} a second`,
    verdict: judged(ratio, ratio.median >= atLeast),
    ratio,
  };
}

/** Rounds that differ too much say neither yes nor no. */
export function judged(rounds: Spread, met: boolean): Verdict['verdict'] {
  if (!(rounds.max / rounds.min <= NOISE)) return 'too noisy';
  return met ? 'met' : 'short';
}

/** For a terminal: each side's median rate and what a request cost whom. */
export function linesOf(rounds: Rounds, verdicts: readonly Verdict[]): string[] {
  const sides = Object.entries(rounds).map(([name, found]) => {
    const costs = Object.keys(found[0]?.cpuMicros ?? {}).map((process) => `${process} ${costOf(found, process)}`);
    return `${name}: ${Math.round(spread(found.map(({ perSecond }) => perSecond)).median).toLocaleString('en')} a second; CPU µs a request: ${costs.join(' · ')}`;
  });
  return [
    ...sides,
    ...verdicts.map(({ id, what, measured, goal, verdict }) => `${id} ${what}: ${measured}; goal ${goal}: ${verdict}`),
  ];
}

/** The median of what a request cost a process, in microseconds. */
export const costOf = (rounds: readonly Round[], process: string): number =>
  spread(rounds.map(({ cpuMicros }) => cpuMicros[process] ?? 0)).median;

/** What failed makes a rate worthless. */
export const failures = (rounds: Rounds): string[] =>
  Object.entries(rounds).flatMap(([name, found]) =>
    found.flatMap(({ failed }, n) => (failed === 0 ? [] : [`round ${n + 1}: ${failed} requests to ${name} failed`])),
  );
