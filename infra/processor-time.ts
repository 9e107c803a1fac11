import { readFileSync } from 'node:fs';
import { familyOf } from './memory.ts';

/** A tick of /proc is a hundredth of a second wherever Node runs. */
const TICK_MICROS = 10_000;

/**
 * Processor time of a process and of all it started, those that have ended included, in microseconds, by the user's and
 * the system's clock. 0 where the system does not tell (only Linux does).
 */
export function processorMicros(pid: number): number {
  return familyOf(pid).reduce((sum, member) => sum + ticksOf(member), 0) * TICK_MICROS;
}

/**
 * utime, stime, and those of children that were waited for: what an ended one has used moves from its own line to its
 * parent's.
 */
function ticksOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0);
  } catch {
    return 0; // it has just ended
  }
}
