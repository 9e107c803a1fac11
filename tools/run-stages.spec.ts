import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { runStages } from './run-stages.ts';
import { reports, type Stage } from './stages.ts';

let folder: string;
const told: string[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stages-'));
  told.length = 0;
  vi.spyOn(console, 'log').mockImplementation((line: string) => void told.push(...line.split('\n')));
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

/**
 * Stands for a run of tests: `outcomes[n]` is its report of the n-th run; files that are to be run again come as
 * arguments.
 */
function stage(outcomes: object[], more: Partial<Stage> = {}): Stage {
  const code = `
    const fs = require('node:fs'), path = require('node:path'), outcomes = ${JSON.stringify(outcomes)};
    const runs = fs.existsSync('runs') ? JSON.parse(fs.readFileSync('runs', 'utf8')) : [];
    fs.mkdirSync(path.dirname(process.env.TEST_REPORT), { recursive: true });
    fs.writeFileSync(process.env.TEST_REPORT, JSON.stringify({ skipped: [], ...outcomes[runs.length] }));
    fs.writeFileSync('runs', JSON.stringify([...runs, process.argv.slice(1)]));
    process.exit(outcomes[runs.length].failed.length === 0 ? 0 : 1);`;
  const report = `${reports}/int.json`;
  return {
    name: 'int',
    what: 'tests',
    args: ['-e', code],
    reports: report,
    env: { TEST_REPORT: report },
    minutesAtMost: 1,
    filesAgain: 1,
    ...more,
  };
}

const late = { test: 'a.spec.ts > is in time', faults: ['it was late'] };
const wrong = { test: 'a.spec.ts > is right', faults: ['it was wrong'] };

it('counts what passed, was skipped and failed, and ends with that', async () => {
  expect(
    await runStages(
      [stage([{ passed: 2, failed: [wrong], skipped: [{ test: 'b', reason: 'no Java' }] }], { filesAgain: 0 })],
      folder,
    ),
  ).toBe(1);
  expect(told).toContain('skipped: b: no Java');
  expect(told).toContain('failed: int: a.spec.ts > is right: it was wrong');
  expect(told.at(-1)).toBe('2 passed, 1 failed');
});

it('runs a file with failures once more, and says what passed then only', async () => {
  expect(
    await runStages(
      [
        stage([
          { passed: 2, failed: [late] },
          { passed: 3, failed: [] },
        ]),
      ],
      folder,
    ),
  ).toBe(0);
  expect(told).toContain('passed at the second try only: a.spec.ts > is in time: it was late');
  expect(told.at(-1)).toBe('3 passed, 0 failed');
});

it('keeps what fails twice', async () => {
  expect(
    await runStages(
      [
        stage([
          { passed: 2, failed: [late, wrong] },
          { passed: 1, failed: [wrong] },
        ]),
      ],
      folder,
    ),
  ).toBe(1);
  expect(told).toContain('failed: int: a.spec.ts > is right: it was wrong');
  expect(told.at(-1)).toBe('3 passed, 1 failed');
});

it('believes nothing of a second run in which a whole file fails', async () => {
  expect(
    await runStages(
      [
        stage([
          { passed: 2, failed: [late] },
          { passed: 5, failed: [{ test: 'a.spec.ts', faults: ['no server'] }] },
        ]),
      ],
      folder,
    ),
  ).toBe(1);
  expect(told.at(-1)).toBe('2 passed, 1 failed');
});

it('does not try again when much fails, when none of it is in a file, or when the second run tells nothing', async () => {
  const elsewhere = { test: 'b.spec.ts > works', faults: ['no'] };
  const outside = { test: 'outside of any test', faults: ['no'] };
  expect(await runStages([stage([{ passed: 2, failed: [late, elsewhere] }])], folder)).toBe(1);
  expect(told.at(-1)).toBe('2 passed, 2 failed');
  rmSync(join(folder, 'runs'));
  expect(await runStages([stage([{ passed: 2, failed: [outside] }])], folder)).toBe(1);
  expect(told.at(-1)).toBe('2 passed, 1 failed');
  rmSync(join(folder, 'runs'));
  expect(
    await runStages(
      [
        stage([
          { passed: 2, failed: [late] },
          { passed: 0, failed: [] },
        ]),
      ],
      folder,
    ),
  ).toBe(1);
  expect(told.at(-1)).toBe('2 passed, 1 failed');
});

it('counts a stage that ends with an error, or without a report, as one failure', async () => {
  const broken: Stage = { name: 'lint', what: 'rules', args: ['-e', 'process.exit(2)'], minutesAtMost: 1 };
  const silent: Stage = {
    name: 'unit',
    what: 'tests',
    args: ['-e', ''],
    reports: `${reports}/none.json`,
    minutesAtMost: 1,
  };
  expect(await runStages([broken, silent], folder)).toBe(1);
  expect(told).toContain('failed: lint: lint: it ended with an error');
  expect(told).toContain('failed: unit: unit: it ended without a report');
  expect(told.at(-1)).toBe('0 passed, 2 failed');
});
