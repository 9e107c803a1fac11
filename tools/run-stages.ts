import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { globSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Outcome, TestReport } from '@shop/infra/test-report';
import { reports, type Stage } from './stages.ts';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Set by Ctrl-C and the like: the stage that runs is asked to end, and is the last. */
let interrupted = false;

interface Ended extends TestReport {
  name: string;
  minutes: number;
  /** What failed at first and passed at the second try; counted as passed. */
  unsteady: Outcome[];
}

/**
 * Runs the stages one after the other, whatever becomes of each, and tells what they took, what was skipped, what
 * passed at a second try only, and what failed. The last line is `N passed, N failed`: tests, and each stage that
 * failed otherwise as one more failure. Returns the exit code. `folder` is the root of the repository.
 */
export async function runStages(
  stages: readonly Stage[],
  folder = resolve(import.meta.dirname, '..'),
): Promise<number> {
  rmSync(join(folder, reports), { recursive: true, force: true });
  const ended: Ended[] = [];
  for (const stage of stages) {
    ended.push(await run(stage, folder));
    if (interrupted) break;
  }
  const sum = (count: (one: Ended) => number) => ended.reduce((total, one) => total + count(one), 0);

  console.log(`\n${'stage'.padEnd(12)}minutes  passed  failed`);
  for (const { name, minutes, passed, failed } of ended) console.log(row(name, minutes, passed, failed.length));
  const [passed, failed] = [sum((one) => one.passed), sum((one) => one.failed.length)];
  console.log(
    row(
      'all',
      sum(({ minutes }) => minutes),
      passed,
      failed,
    ),
  );
  for (const { skipped } of ended) for (const { test, reason } of skipped) console.log(`skipped: ${test}: ${reason}`);
  for (const { unsteady } of ended)
    for (const { test, faults } of unsteady)
      console.log(`passed at the second try only: ${test}: ${faults.join('; ')}`);
  for (const { name, failed: those } of ended)
    for (const { test, faults } of those) console.log(`failed: ${name}: ${test}: ${faults.join('; ')}`);
  console.log(`\n${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

const row = (name: string, minutes: number, passed: number, failed: number) =>
  name.padEnd(12) + minutes.toFixed(2).padStart(7) + String(passed).padStart(8) + String(failed).padStart(8);

async function run(stage: Stage, folder: string): Promise<Ended> {
  console.log(`\n── ${stage.name}: ${stage.what}`);
  const began = performance.now();
  const report = await attempt(stage, folder);
  const unsteady = interrupted ? [] : await again(stage, report.failed, folder);
  const minutes = (performance.now() - began) / 60_000;
  const failed = report.failed.filter((one) => !unsteady.includes(one));
  return {
    name: stage.name,
    minutes,
    passed: report.passed + unsteady.length,
    failed,
    skipped: report.skipped,
    unsteady,
  };
}

/** Runs those files once more that had failures, where that is asked for and they are few. Returns what passed then. */
async function again(stage: Stage, failed: readonly Outcome[], folder: string): Promise<Outcome[]> {
  const files = [...new Set(failed.map(({ test }) => test.split(' > ')[0] ?? ''))];
  if (files.length === 0 || files.length > (stage.filesAgain ?? 0) || !files.every((file) => file.endsWith('.spec.ts')))
    return [];
  console.log(`\n── ${stage.name}, once more what failed: ${files.join(', ')}`);
  const report = `${reports}/again/${stage.name}.json`;
  const second = await attempt(
    { ...stage, args: [...stage.args, ...files], reports: report, env: { ...stage.env, TEST_REPORT: report } },
    folder,
  );
  // What failed as a whole, such as a file that did not load, tells nothing of its tests.
  return second.passed === 0
    ? []
    : failed.filter(({ test }) => !second.failed.some((one) => one.test === test || !one.test.includes(' > ')));
}

async function attempt(stage: Stage, folder: string): Promise<TestReport> {
  const ended = await succeeds(stage, folder);
  const report = readReports(stage, folder);
  if (!ended && report.failed.length === 0)
    report.failed.push({ test: stage.name, faults: ['it ended with an error'] });
  return report;
}

async function succeeds({ name, args, env, minutesAtMost }: Stage, cwd: string): Promise<boolean> {
  const child = spawn(process.execPath, args, {
    cwd,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, NX_DAEMON: 'false', NX_TUI: 'false', ...env },
  });
  const end = (signal: NodeJS.Signals) => {
    interrupted = true;
    child.kill(signal);
  };
  for (const signal of signals) process.on(signal, end);
  const timer = setTimeout(() => {
    console.error(`${name} takes longer than ${minutesAtMost} minutes: ended.`);
    child.kill('SIGTERM');
    setTimeout(() => child.kill('SIGKILL'), 30_000).unref();
  }, minutesAtMost * 60_000);
  const [code] = (await once(child, 'exit')) as [number | null];
  clearTimeout(timer);
  for (const signal of signals) process.off(signal, end);
  return code === 0;
}

function readReports({ name, reports: files }: Stage, cwd: string): TestReport {
  if (files === undefined) return { passed: 0, failed: [], skipped: [] };
  const found = globSync(files, { cwd }).map((file) => JSON.parse(readFileSync(join(cwd, file), 'utf8')) as TestReport);
  return {
    passed: found.reduce((total, { passed }) => total + passed, 0),
    failed:
      found.length === 0
        ? [{ test: name, faults: ['it ended without a report'] }]
        : found.flatMap(({ failed }) => failed),
    skipped: found.flatMap(({ skipped }) => skipped),
  };
}
