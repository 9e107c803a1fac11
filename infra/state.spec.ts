import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openState } from './state.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'state-'));
});
afterEach(() => rmSync(home, { recursive: true }));

const opened = () => openState(join(home, 'state'), () => undefined);
const modeOf = (...path: string[]) => (statSync(join(home, 'state', ...path)).mode & 0o777).toString(8);

describe('the state folder', () => {
  it('is nobody else’s: as root, Postgres’s user may pass through it and see nothing', async () => {
    await (await opened()).close();
    expect([modeOf(), modeOf('logs'), modeOf('seed')]).toEqual([
      process.getuid?.() === 0 ? '711' : '700',
      '700',
      '600',
    ]);
  });

  it('gives the same secrets at each start, and never those of a seed that was cut off', async () => {
    const first = await opened();
    const secret = first.secret('orders');
    await first.close();
    const second = await opened();
    expect(second.secret('orders')).toBe(secret);
    await second.close();
    rmSync(join(home, 'state', 'seed'));
    writeFileSync(join(home, 'state', 'seed.new'), '');
    const third = await opened();
    await third.close();
    expect(statSync(join(home, 'state', 'seed')).size).toBe(64);
  });
});
