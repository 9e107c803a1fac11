import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Reporter, TestCase, TestModule, Vitest } from 'vitest/node';

/** What one run of vitest came to, as tools/stages.ts adds it up. */
export interface TestReport {
  passed: number;
  failed: number;
  skipped: { test: string; reason: string }[];
}

/**
 * Counts a run into the file $TEST_REPORT, and fails it for every skip that is not excused by a server this machine cannot have
 * (describeWith in @shop/testing): a test that nobody runs protects nobody.
 */
export class TestReporter implements Reporter {
  private filtered = false;

  onInit(vitest: Vitest): void {
    this.filtered = vitest.config.testNamePattern !== undefined;
  }

  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const states = (state: string) => tests.filter((test) => test.result().state === state);
    const skipped = states('skipped');
    const excused = skipped.filter((test) => test.meta().needs !== undefined);
    const unexcused = this.filtered ? [] : skipped.filter((test) => !excused.includes(test));
    // A file that does not load has no tests to fail.
    const broken = modules.filter((module) => module.state() === 'failed' && ![...module.children.allTests()].some((test) => test.result().state !== 'passed'));
    const report: TestReport = {
      passed: states('passed').length,
      failed: states('failed').length + broken.length + unexcused.length + errors.length,
      skipped: excused.map((test) => ({ test: nameOf(test), reason: reasonOf(test) })),
    };
    this.tell(report, unexcused);
    const file = process.env['TEST_REPORT'];
    if (file === undefined) return;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, JSON.stringify(report));
  }

  private tell({ skipped }: TestReport, unexcused: readonly TestCase[]): void {
    for (const { test, reason } of skipped) console.log(`  skipped: ${test}: ${reason}`);
    for (const test of unexcused) console.error(`  skipped without an excuse, which is a failure: ${nameOf(test)}`);
    if (unexcused.length > 0) process.exitCode = 1;
  }
}

const nameOf = (test: TestCase) => `${test.module.relativeModuleId} > ${test.fullName}`;

function reasonOf(test: TestCase): string {
  const result = test.result();
  return (result.state === 'skipped' && result.note) || 'no reason given';
}
