import { globSync } from 'node:fs';
import { join } from 'node:path';
import { fromDebian, hasDebian } from '@shop/infra/debian';
import type { State } from '@shop/infra/state';

const within = 'usr/lib/*/faketime/libfaketimeMT.so.1';
const installed = globSync(`/${within}`)[0];

/** Why the clock of a process cannot be bent on this machine; nothing when it can. */
export const clockObstacle = (): string | undefined =>
  process.platform === 'linux' && (installed !== undefined || hasDebian())
    ? undefined
    : 'Clocks are bent by libfaketime: install it (apt-get install libfaketime).';

/**
 * The environment of a process whose wall clock is libfaketime's, fetched where it is not installed; what waits for so
 * many milliseconds waits for so many.
 */
export async function fakeClock(state: State): Promise<Record<string, string>> {
  const library = installed ?? (await fetched(state));
  return { LD_PRELOAD: library, FAKETIME_DONT_FAKE_MONOTONIC: '1', DONT_FAKE_MONOTONIC: '1' };
}

async function fetched(state: State): Promise<string> {
  const { folder } = await fromDebian(state, 'libfaketime');
  const [found] = globSync(within, { cwd: folder });
  if (found === undefined) throw new Error(`libfaketime is not in ${folder}: remove it, and it is fetched again`);
  return join(folder, found);
}
