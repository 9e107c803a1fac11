import { check } from '../checker/check.ts';
import { outcomeOf } from '../checker/commands.ts';
import type { Evidence, Violation } from '../checker/evidence.ts';
import type { Findings } from './fault.ts';
import type { Accident } from './accident.ts';

/**
 * `held`: every invariant. `cannot tell`: an accident that hit nobody, a load that never arrived; that is no success.
 */
export type Verdict = 'held' | 'violated' | 'cannot tell';

/** What one seed came to. */
export interface Round {
  readonly seed: number;
  readonly verdict: Verdict;
  readonly figures: Readonly<Record<string, number>>;
  readonly accidents: readonly Accident[];
  readonly violations: readonly Violation[];
  /** What this fault must not do, and did. */
  readonly broken: readonly string[];
  readonly doubts: readonly string[];
}

export interface Outcome {
  readonly seed: number;
  readonly evidence: Evidence;
  readonly accidents: readonly Accident[];
  readonly findings: readonly Findings[];
  /** Commands of earlier rounds in the same journal. */
  readonly earlier: number;
  /** What did not come to rest. */
  readonly moving: string | undefined;
}

/** What a round came to, by everything that is known of it. */
export function sumUp({ seed, evidence, accidents, findings, earlier, moving }: Outcome): Round {
  const commands = evidence.journal.slice(earlier);
  const known = (outcome: string) => commands.filter((command) => outcomeOf(command) === outcome).length;
  const violations = check(evidence);
  const broken = findings.flatMap((one) => one.broken);
  const doubts = [
    ...accidents
      .filter(({ effective }) => !effective)
      .map(({ what, atMs }) => `${what} (after ${atMs} ms) hit nobody, or nothing was under way`),
    ...(accidents.length === 0 ? ['nothing was done to the shop'] : []),
    ...(known('ok') === 0 ? ['no order arrived'] : []),
    ...(moving !== undefined && violations.length === 0 ? [`the shop did not come to rest: ${moving}`] : []),
  ];
  const figures = {
    commands: commands.length,
    acknowledged: known('ok'),
    refused: known('failed'),
    unknown: known('unknown'),
    'attempts without an answer': commands
      .flatMap(({ answers }) => answers)
      .filter(({ status }) => status === undefined || status >= 500).length,
    accidents: accidents.length,
    events: evidence.events.length,
    ...(Object.assign({}, ...findings.map((one) => one.figures)) as Record<string, number>),
  };
  const verdict: Verdict =
    violations.length + broken.length > 0 ? 'violated' : doubts.length > 0 ? 'cannot tell' : 'held';
  return { seed, verdict, figures, accidents, violations, broken, doubts };
}
