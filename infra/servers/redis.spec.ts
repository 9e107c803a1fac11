import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { openState, type State } from '../state.ts';
import { nativeRedis } from './redis.ts';

let home: string;
let state: State;
beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), 'redis-'));
  state = await openState(join(home, 'state'), () => undefined);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await state.close();
  rmSync(home, { recursive: true });
});

it('a Redis that does not start is done without, and said', async () => {
  writeFileSync(join(home, 'redis-server'), '#!/bin/sh\necho "Bad directive"\nexit 1\n');
  chmodSync(join(home, 'redis-server'), 0o755);
  vi.stubEnv('PATH', home);
  const said: string[] = [];
  expect(await nativeRedis(state, 0, (line) => said.push(line)).start()).toBeUndefined();
  expect(said).toEqual([
    expect.stringMatching(
      /^Redis does not start here .*redis\.log.*: product reads are not cached, all else is the same/,
    ),
  ]);
});
