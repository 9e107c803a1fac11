import type { Shop } from './shop.ts';

/** One thing that was tried, and what was wrong with what came of it. */
export interface Outcome {
  readonly test: string;
  readonly faults: readonly string[];
}

export interface Occasion {
  /** What stands behind the command; `--check` in CI: nothing is written, and what is committed must be right. */
  readonly args: readonly string[];
  readonly say: (line: string) => void;
}

/** One sub-command of `npm run security`. */
export interface Command {
  /** In a line, for --help. */
  readonly what: string;
  /** Why it cannot be had on this machine, with the next step; nothing when it can. */
  obstacle?(): string | undefined;
  run(shop: Shop, occasion: Occasion): Promise<readonly Outcome[]>;
}
