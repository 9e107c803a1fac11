import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { processorMicros } from './processor-time.ts';

it.runIf(process.platform === 'linux')('counts what a process has used, and what its ended children have', () => {
  const before = processorMicros(process.pid);
  execFileSync(process.execPath, [
    '-e',
    'for (const until = process.cpuUsage().user + 200_000; process.cpuUsage().user < until; );',
  ]);
  expect(processorMicros(process.pid) - before).toBeGreaterThanOrEqual(150_000);
});

it('says nothing of a process that is not there', () => expect(processorMicros(2 ** 30)).toBe(0));
