import type { Outcome } from '@shop/infra/test-report';
import type { Shop } from './shop.ts';

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
