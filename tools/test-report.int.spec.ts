import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestReport } from '@shop/infra/test-report';

/** Runs vitest on a folder of small specs: how a run is counted is what CI believes. */
const root = resolve(import.meta.dirname, '..');
let folder: string;

beforeAll(() => {
  mkdirSync(join(root, '.cache'), { recursive: true });
  folder = mkdtempSync(join(root, '.cache/report-'));
  const reporter = join(root, 'tools/test-report.ts');
  writeFileSync(
    join(folder, 'vitest.config.ts'),
    `import { TestReporter } from '${reporter}';\nexport default { test: { reporters: [new TestReporter()] } };\n`,
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const failing = `import { it } from 'vitest'; it('passes', () => {}); it('fails', () => { throw new Error('no'); });`;
const excused = `import { it } from 'vitest'; it('passes', () => {}); it('cannot', ({ task, skip }) => { task.meta.needs = 'kafka'; skip('no Java'); });`;
const rest = (name: string, code: string): [string, string] => [
  name,
  `import { beforeAll, describe, it } from 'vitest'; it('passes', () => {}); ${code}`,
];

describe('a run of tests', () => {
  it('passes when all do', () =>
    expect(run(`import { it } from 'vitest'; it('passes', () => {});`)).toEqual({
      ok: true,
      passed: 1,
      failed: [],
      skipped: [],
    }));
  it('tells what failed, and why', () =>
    expect(run(failing)).toMatchObject({
      ok: false,
      passed: 1,
      failed: [{ test: 'a.spec.ts > fails', faults: ['no'] }],
    }));
  it('fails when a file does not load', () =>
    expect(run(`throw new Error('no');`)).toMatchObject({
      ok: false,
      passed: 0,
      failed: [{ test: 'a.spec.ts', faults: ['no'] }],
    }));
  it('lists a test that this machine cannot run, with the reason', () =>
    expect(run(excused)).toEqual({
      ok: true,
      passed: 1,
      failed: [],
      skipped: [{ test: 'a.spec.ts > cannot', reason: 'no Java' }],
    }));

  it.each([
    rest('a test that is switched off', `it.skip('later', () => {});`),
    rest('a suite that is switched off', `describe.skip('later', () => { it('works', () => {}); });`),
    rest('a test that is only planned', `it.todo('later');`),
    rest('a reason without a missing server', `it('later', ({ skip }) => skip('flaky'));`),
    rest(
      'a set-up that fails',
      `describe('with a server', () => { beforeAll(() => { throw new Error('no'); }); it('works', () => {}); });`,
    ),
  ])('fails by %s', (_, code) =>
    expect(run(code)).toMatchObject({
      ok: false,
      passed: 1,
      failed: [{ test: expect.stringMatching(/^a\.spec\.ts/) }],
      skipped: [],
    }),
  );
});

function run(code: string): TestReport & { ok: boolean } {
  writeFileSync(join(folder, 'a.spec.ts'), code);
  const report = join(folder, 'report.json');
  rmSync(report, { force: true });
  const { status } = spawnSync(
    process.execPath,
    [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--root', folder],
    {
      cwd: folder,
      env: { ...process.env, TEST_REPORT: report },
      timeout: 30_000,
    },
  );
  return { ok: status === 0, ...(JSON.parse(readFileSync(report, 'utf8')) as TestReport) };
}
