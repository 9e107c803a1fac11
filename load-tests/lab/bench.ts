import type { MeasuredOn } from '@shop/infra/measured-on';
import type { ServerName, Servers } from '@shop/infra/servers';
import type { BenchShop } from './bench-shop.ts';
import type { Wrk } from './wrk.ts';

/** What a bench works with. */
export interface Setting {
  readonly servers: Servers;
  /** A smaller load, for a look: nothing is written down. */
  readonly quick: boolean;
  readonly say: (line: string) => void;
  /** The whole shop, started when the first bench asks for it. */
  shop(): Promise<BenchShop>;
  /** What saturates a side. */
  wrk(): Promise<Wrk>;
}

/** What it came to: figures for a file, the same for people, and what would make them worthless. */
export interface Measured {
  readonly figures: object;
  readonly lines: readonly string[];
  readonly doubts: readonly string[];
  /** Pages that show these figures: the text between `<!-- bench <id> -->` and `<!-- /bench <id> -->`. */
  readonly pages?: Readonly<Record<string, string>>;
}

export interface Bench {
  readonly title: string;
  readonly need: ServerName[];
  /** The numbers of the lines of docs/benchmarks.md that it measures. */
  readonly proves?: readonly string[];
  /**
   * It leaves the shop with services halted and orders that nobody works off: nothing can be measured in it afterwards.
   */
  readonly last?: boolean;
  measure(setting: Setting): Promise<Measured>;
}

/** What load-tests/results/<id>.json holds. */
export interface Result extends MeasuredOn {
  readonly id: string;
  readonly title: string;
  readonly figures: object;
  readonly doubts: readonly string[];
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor((sorted.length - 1) * share)] ?? NaN;
  const middle = (at(0.5) + (sorted[Math.ceil((sorted.length - 1) / 2)] ?? NaN)) / 2;
  const rounded = (value: number) => Math.round(value * 100) / 100;
  return { median: rounded(middle), min: rounded(at(0)), max: rounded(at(1)) };
}

/** The value that so many of a hundred do not exceed. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return (
    Math.round((sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? NaN) * 100) / 100
  );
}

/** Rounds that differ by more than this say nothing. */
export const NOISE = 1.3;
