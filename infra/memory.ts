import { readdirSync, readFileSync } from 'node:fs';

/**
 * The memory of a process and of all it started, in bytes, as PSS: pages that several processes share count once in
 * all. undefined where the system does not tell (only Linux does).
 */
export function memoryOf(pid: number): number | undefined {
  const sizes = familyOf(pid)
    .map(pssOf)
    .filter((size) => size !== undefined);
  return sizes.length === 0 ? undefined : sizes.reduce((sum, size) => sum + size, 0);
}

/** The process and all it started, and what they started. */
export function familyOf(pid: number): number[] {
  const parents = parentsByPid();
  const family = [pid];
  for (const member of family)
    family.push(...[...parents].flatMap(([child, parent]) => (parent === member ? [child] : [])));
  return family;
}

function pssOf(pid: number): number | undefined {
  try {
    const kilobytes = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  } catch {
    return undefined;
  }
}

function parentsByPid(): Map<number, number> {
  try {
    const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    return new Map(pids.flatMap((pid) => parentOf(pid)));
  } catch {
    return new Map();
  }
}

function parentOf(pid: string): [number, number][] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return [[Number(pid), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])]];
  } catch {
    return []; // it has just ended
  }
}
