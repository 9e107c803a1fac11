import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

interface Step {
  uses?: string;
  run?: string;
  with?: Record<string, unknown>;
}
interface Workflow {
  permissions: unknown;
  concurrency: unknown;
  on: Record<string, unknown>;
  jobs: Record<string, { 'timeout-minutes'?: number; permissions?: Record<string, string>; steps: Step[] }>;
}

const folder = join(import.meta.dirname, '../.github/workflows');
const files = readdirSync(folder);
const textOf = (file: string) => readFileSync(join(folder, file), 'utf8');

describe.each(files)('the workflow %s', (file) => {
  const workflow = parse(textOf(file)) as Workflow;
  const steps = Object.values(workflow.jobs).flatMap((job) => job.steps);

  it('uses each action by its commit, and says which version that is', () => {
    for (const line of textOf(file)
      .split('\n')
      .filter((each) => each.includes('uses:')))
      expect(line).toMatch(/uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  it('may read, and writes only where a job says so', () => {
    expect(workflow.permissions).toEqual({ contents: 'read' });
    const more = Object.entries(workflow.jobs).flatMap(([job, { permissions }]) =>
      permissions ? [[job, permissions]] : [],
    );
    expect(more).toEqual(file === 'release.yml' ? [['release', { contents: 'write' }]] : []);
    expect(workflow.on).not.toHaveProperty('pull_request_target');
    for (const { uses, with: given } of steps)
      if (uses?.startsWith('actions/checkout@')) expect(given).toMatchObject({ 'persist-credentials': false });
  });

  it('ends: every job has a limit, and of two runs of the same one gives way', () => {
    for (const job of Object.values(workflow.jobs)) expect(job['timeout-minutes']).toBeGreaterThan(0);
    expect(workflow.concurrency).toMatchObject({ group: expect.any(String) });
  });

  it('runs nothing that a stranger can write: no expression stands in a script', () => {
    for (const { run = '' } of steps) expect(run).not.toContain('${{');
  });

  it('takes nothing from a cache into what is published', () => {
    for (const { uses, with: given } of steps)
      if (file === 'release.yml' && uses?.startsWith('actions/setup-node@'))
        expect(given).toMatchObject({ 'package-manager-cache': false });
    if (file === 'release.yml') expect(textOf(file)).not.toContain('actions/cache');
  });

  it('runs only commands that there are', () => {
    const { scripts } = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    for (const { run = '' } of steps)
      for (const [, script = ''] of run.matchAll(/npm run (?:--silent )?([\w:]+)/g))
        expect(Object.keys(scripts)).toContain(script);
  });
});

it('the same action is the same commit everywhere', () => {
  const used = new Set(
    files.flatMap((file) => [...textOf(file).matchAll(/uses: (\S+)/g)].map(([, action = '']) => action)),
  );
  expect(new Set([...used].map((action) => action.split('@')[0])).size).toBe(used.size);
});
