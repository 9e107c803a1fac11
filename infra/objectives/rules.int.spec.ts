import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { promtool, promtoolObstacle } from '../servers/prometheus.ts';
import { openState, wipeState, type State } from '../state.ts';

const run = promisify(execFile);
const here = import.meta.dirname;
const rules = join(here, '../observability/rules.yml');
const obstacle = promtoolObstacle();

describe('Prometheus’ rules', () => {
  if (obstacle !== undefined) {
    it('needs promtool', ({ task, skip }) => {
      task.meta.needs = 'promtool';
      skip(obstacle);
    });
    return;
  }

  let state: State;
  let tool: string;
  const folder = join(here, '../../.state-tests', `promtool-${process.pid}`);
  beforeAll(async () => {
    state = await openState(folder, () => {});
    tool = await promtool(state);
  });
  afterAll(async () => {
    await state.close();
    wipeState(folder);
  });

  it('are what Prometheus takes', async () => {
    const { stdout } = await run(tool, ['check', 'rules', rules]);
    expect(stdout).toContain('SUCCESS');
  });

  it('are found by the Prometheus of compose.yaml, whose configuration is one', async () => {
    const { stdout } = await run(tool, ['check', 'config', join(here, '../observability/prometheus.yml')]);
    expect(stdout).toContain('1 rule files found');
  });

  it('tell of what has to be told, and of nothing else', async () => {
    const { stdout } = await run(tool, ['test', 'rules', join(here, 'rules.test.yml')]);
    expect(stdout).toContain('SUCCESS');
  });

  it('are found by the Prometheus of compose.yaml, whose configuration is one', async () => {
    const { stdout } = await run(tool, ['check', 'config', join(here, '../observability/prometheus.yml')]);
    expect(stdout).toContain('1 rule files found');
  });

  it('would be noticed if they did not: a limit ten times too high tells of nothing', async () => {
    const seeded = mkdtempSync(join(state.folder, 'rules-'));
    writeFileSync(
      join(seeded, 'rules.yml'),
      readFileSync(rules, 'utf8').replaceAll('> 0.0144', '> 0.144').replaceAll('> 0.006', '> 0.06'),
    );
    const [first = ''] = readFileSync(join(here, 'rules.test.yml'), 'utf8').split(
      /(?=\n {2}- name: one order in two thousand)/,
    );
    writeFileSync(join(seeded, 'test.yml'), first.replace('../observability/rules.yml', 'rules.yml'));
    await expect(run(tool, ['test', 'rules', join(seeded, 'test.yml')])).rejects.toMatchObject({
      stderr: expect.stringContaining('FAILED'),
    });
  });
});
