import { join } from 'node:path';
import { onPath } from '../cache.ts';
import type { State } from '../state.ts';
import { fromDebian, hasDebian } from './debian.ts';

/** Why this machine can have no promtool; undefined when it can. */
export const promtoolObstacle = (): string | undefined =>
  onPath('promtool') || hasDebian() ? undefined : 'promtool comes with Prometheus, which is not installed, and this is no Debian from whose packages it could be unpacked.';

/** Prometheus' tool that checks rules and plays series to them: of this machine, else from its Debian package. */
export async function promtool(state: State): Promise<string> {
  return onPath('promtool') ?? join((await fromDebian(state, 'prometheus')).folder, 'usr/bin/promtool');
}
