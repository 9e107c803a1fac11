import { writeReport, type Outcome } from '@shop/infra/test-report';
import type { Reporter, TestCase, TestModule, Vitest } from 'vitest/node';

/**
 * Counts a run into the file $TEST_REPORT, and fails it for every skip that is not excused by a server this machine
 * cannot have (describeWith in @shop/testing): a test that nobody runs protects nobody.
 */
export class TestReporter implements Reporter {
  private filtered = false;

  onInit(vitest: Vitest): void {
    this.filtered = vitest.config.testNamePattern !== undefined;
  }

  onTestRunEnd(modules: readonly TestModule[], errors: readonly { message: string }[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const states = (state: string) => tests.filter((test) => test.result().state === state);
    const off = states('skipped');
    const excused = off.filter((test) => test.meta().needs !== undefined);
    const unexcused = this.filtered ? [] : off.filter((test) => !excused.includes(test));
    // A file that does not load has no tests to fail.
    const broken = modules.filter(
      (module) =>
        module.state() === 'failed' &&
        ![...module.children.allTests()].some((test) => test.result().state !== 'passed'),
    );
    const failed: Outcome[] = [
      ...states('failed').map((test) => ({ test: nameOf(test), faults: messages(test.result().errors) })),
      ...broken.map((module) => ({ test: module.relativeModuleId, faults: messages(module.errors()) })),
      ...unexcused.map((test) => ({ test: nameOf(test), faults: ['skipped without an excuse'] })),
      ...errors.map((error) => ({ test: 'outside of any test', faults: messages([error]) })),
    ];
    const skipped = excused.map((test) => ({ test: nameOf(test), reason: reasonOf(test) }));
    for (const { test, reason } of skipped) console.log(`  skipped: ${test}: ${reason}`);
    for (const test of unexcused) console.error(`  skipped without an excuse, which is a failure: ${nameOf(test)}`);
    if (unexcused.length > 0) process.exitCode = 1;
    writeReport({ passed: states('passed').length, failed, skipped });
  }
}

/** With the file before the first " > ": what `npx vitest run` takes to try it again. */
const nameOf = (test: TestCase) => `${test.module.relativeModuleId} > ${test.fullName}`;

/** The first line of each: the rest is in the log of the run. */
const messages = (errors: readonly { message: string }[] = []) =>
  errors.length === 0 ? ['no reason given'] : errors.map(({ message }) => message.split('\n')[0] ?? '');

function reasonOf(test: TestCase): string {
  const result = test.result();
  return (result.state === 'skipped' && result.note) || 'no reason given';
}
