import type { Bench } from './bench.ts';

/** What one variant of one run came to. */
export interface Round {
  /** The count that the verdict is about: how often what the practice is for went wrong. */
  readonly harm: number;
  /** Everything else worth knowing, in the order in which it is shown. */
  readonly figures: Readonly<Record<string, number>>;
  /**
   * Why this round shows nothing, whatever it counted: a fault that never fired, a load that never arrived, a failure
   * nobody planned.
   */
  readonly doubts: readonly string[];
  /** Which events it was, a few of them. */
  readonly cases?: readonly string[];
}

/**
 * One way to do it. `practice` is the product's own; every other stands beside its experiment and fills the same port.
 */
export interface Variant {
  readonly name: string;
  readonly practice: boolean;
  /** In a few words, for people. */
  readonly what: string;
}

/** The same load and the same kills for every variant. */
export interface Load {
  readonly seed: number;
  readonly [figure: string]: number;
}

/** A practice and what it is for. The folder's name is its id. */
export interface Experiment<L extends Load = Load> {
  readonly title: string;
  /** What is counted as harm, in the plural: `changes that nobody heard of`. */
  readonly harm: string;
  readonly variants: readonly Variant[];
  /** `quick` is for CI: it tells whether the effect is there, not how large it is. */
  readonly load: { readonly full: L; readonly quick: L };
  /** Tables that the bench's database needs beside those of libs/eventing. */
  readonly tables: string;
  /** Topics of the product that it uses. */
  readonly topics: readonly string[];
  round(bench: Bench, variant: Variant, load: L): Promise<Round>;
}

/**
 * `shown`: every naive variant did harm and the practice none. `gone`: a naive variant did none, so the practice is not
 * shown to be needed. `broken`: the practice itself did harm. `cannot tell`: some round shows nothing; that is no
 * success.
 */
export type Verdict = 'shown' | 'gone' | 'broken' | 'cannot tell';

export function verdictOf(rounds: readonly { variant: Variant; round: Round }[]): Verdict {
  if (rounds.some(({ round }) => round.doubts.length > 0) || rounds.length < 2) return 'cannot tell';
  if (rounds.some(({ variant, round }) => variant.practice && round.harm > 0)) return 'broken';
  if (rounds.some(({ variant, round }) => !variant.practice && round.harm === 0)) return 'gone';
  return 'shown';
}
