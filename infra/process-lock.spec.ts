import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { holderOf, isAlive, startOf, takeLock } from './process-lock.mjs';

const module = new URL('./process-lock.mjs', import.meta.url).href;
let folder: string;
let lock: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lock-'));
  lock = join(folder, 'lock');
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A pid that was in use a moment ago and is not any more. */
const deadPid = () => Number(execFileSync('/bin/sh', ['-c', 'echo $$'], { encoding: 'utf8' }));
const write = (pid: number, start: string) => writeFileSync(lock, JSON.stringify({ pid, start, since: 'then' }));

describe('a process', () => {
  it('is told from a later one with the same id by when it began', () => {
    const start = startOf(process.pid)!;
    expect(isAlive({ pid: process.pid, start })).toBe(true);
    expect(isAlive({ pid: process.pid, start: `${start}0` })).toBe(false);
  });

  it('began at the same moment for whoever asks by ps, as on macOS, in whatever time zone', () => {
    const script = `Object.defineProperty(process, 'platform', { value: 'darwin' });
      const { startOf } = await import('${module}'); console.log(startOf(${process.pid}));`;
    const asked = (TZ: string) =>
      execFileSync(process.execPath, ['--input-type=module', '-e', script], {
        encoding: 'utf8',
        env: { ...process.env, TZ },
      });
    expect(asked('UTC')).toMatch(/:\d\d/);
    expect(asked('Asia/Tokyo')).toBe(asked('UTC'));
  });

  it('has no beginning when there is none of that id', () => {
    expect(startOf(deadPid())).toBeUndefined();
  });
});

describe('a lock', () => {
  it('is held by one at a time, and the other learns by whom', () => {
    const first = takeLock(lock);
    expect(first.taken).toBe(true);
    expect(takeLock(lock)).toMatchObject({ taken: false, holder: { pid: process.pid } });
    if (first.taken) first.release();
    expect(holderOf(lock)).toBeUndefined();
    expect(existsSync(lock)).toBe(false);
  });

  it('passes on when its holder has died', () => {
    write(deadPid(), 'whenever');
    expect(holderOf(lock)).toBeUndefined();
    expect(takeLock(lock).taken).toBe(true);
  });

  it('passes on when the id of its holder has been given to another process', () => {
    write(process.ppid, 'long before that one began');
    expect(takeLock(lock).taken).toBe(true);
  });

  it('passes on when it holds rubbish', () => {
    writeFileSync(lock, '{"pid":');
    expect(takeLock(lock).taken).toBe(true);
  });

  it('is won by exactly one of many who find it stale at the same moment', async () => {
    write(deadPid(), 'whenever');
    const script = `import { takeLock } from '${module}'; process.stdin.once('data', () => {
      console.log(takeLock(${JSON.stringify(lock)}).taken ? 'won' : 'lost'); setTimeout(() => {}, 2_000); }); console.log('here');`;
    const contenders = Array.from({ length: 6 }, () => spawn(process.execPath, ['--input-type=module', '-e', script]));
    try {
      await Promise.all(contenders.map((each) => said(each, 'here')));
      const outcomes = contenders.map((each) => said(each, 'won|lost'));
      for (const each of contenders) each.stdin.write('go\n');
      expect((await Promise.all(outcomes)).filter((outcome) => outcome === 'won')).toHaveLength(1);
    } finally {
      for (const each of contenders) each.kill('SIGKILL');
    }
  });
});

function said(child: ChildProcess, what: string): Promise<string> {
  return new Promise((resolve) => {
    child.stdout!.on('data', (chunk: Buffer) => {
      const found = new RegExp(what).exec(String(chunk));
      if (found) resolve(found[0]);
    });
  });
}
