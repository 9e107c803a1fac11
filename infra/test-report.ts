import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** One thing that was tried; it failed when there are faults. */
export interface Outcome {
  readonly test: string;
  readonly faults: readonly string[];
}

/** One thing that this machine cannot try. */
export interface Skip {
  readonly test: string;
  readonly reason: string;
}

/** What a run of tests came to, as tools/stages.ts adds it up. */
export interface TestReport {
  passed: number;
  failed: Outcome[];
  skipped: Skip[];
}

/** An outcome as every command tells it: whether it held, and below it what is wrong. */
export function linesOf({ test, faults }: Outcome): string[] {
  return [
    `  ${faults.length === 0 ? 'ok    ' : 'FAILED'}  ${test}`,
    ...faults.map((fault) => `          ${fault.replaceAll('\n', '\n          ')}`),
  ];
}

/** The last line of a command that tried them. */
export function tallyOf(outcomes: readonly Outcome[]): string {
  const failed = outcomes.filter(({ faults }) => faults.length > 0).length;
  return `\n  ${outcomes.length - failed} held, ${failed} did not`;
}

/**
 * Counts outcomes into the file $TEST_REPORT, where a stage of `npm run check` asks for one. Returns the exit code: 1
 * when one has faults.
 */
export function reportOutcomes(outcomes: readonly Outcome[], skipped: readonly Skip[] = []): 0 | 1 {
  const failed = outcomes.filter(({ faults }) => faults.length > 0);
  writeReport({ passed: outcomes.length - failed.length, failed, skipped: [...skipped] });
  return failed.length === 0 ? 0 : 1;
}

/** Writes the file $TEST_REPORT, if there is to be one. */
export function writeReport(report: TestReport): void {
  const file = process.env['TEST_REPORT'];
  if (file === undefined) return;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, JSON.stringify(report));
}
