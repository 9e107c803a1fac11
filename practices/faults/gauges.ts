import { globSync, readFileSync, readlinkSync } from 'node:fs';
import type { Gauges } from '../checker/evidence.ts';

/** What these processes hold now; nothing where there is no /proc to ask. */
export function gaugesOf(pids: readonly number[]): Gauges | undefined {
  if (process.platform !== 'linux') return undefined;
  const memory = pids.map(
    (pid) =>
      Number(/VmRSS:\s+(\d+)/.exec(orNothing(() => readFileSync(`/proc/${pid}/status`, 'utf8')))?.[1] ?? 0) / 1_024,
  );
  const sockets = pids
    .flatMap((pid) => globSync(`/proc/${pid}/fd/*`))
    .filter((fd) => orNothing(() => readlinkSync(fd)).startsWith('socket:'));
  return { memoryMiB: Math.round(memory.reduce((sum, one) => sum + one, 0)), sockets: sockets.length };
}

/** A process that has just died, or a file that was closed meanwhile, holds nothing. */
function orNothing(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}
