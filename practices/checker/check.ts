import { balanced, ended, projected, returned } from './books.ts';
import { acknowledged, resolved } from './commands.ts';
import { announcedOnce, effectiveOnce, fresh, inOrder, poisonKept } from './deliveries.ts';
import type { Evidence, Invariant, Violation } from './evidence.ts';

/** What must hold after every run, whatever was killed in it. */
export const invariants: Readonly<Record<Invariant, { what: string; judge: (evidence: Evidence) => Violation[] }>> = {
  I1: { what: 'every acknowledged command changed state exactly once', judge: acknowledged },
  I2: { what: 'a state change has exactly one event', judge: announcedOnce },
  I3: { what: 'no event is effective twice', judge: effectiveOnce },
  I4: { what: 'versions of a key 1..n, without a gap, in order, at every consumer', judge: inOrder },
  I5: { what: 'stock reserved + sold + free = initial, money balances, nothing negative', judge: balanced },
  I6: { what: 'every saga ends or is visibly parked', judge: ended },
  I7: { what: 'a projection equals its events folded', judge: projected },
  I8: { what: 'staleness is bounded', judge: fresh },
  I9: { what: 'a command with an unknown outcome resolves by repeating its key', judge: resolved },
  I10: { what: 'poison blocks nobody and never vanishes', judge: poisonKept },
  I11: { what: 'memory, sockets and lag return to where they were', judge: returned },
};

/** Everything that is wrong with a run; nothing: every invariant held. */
export function check(evidence: Evidence): Violation[] {
  return Object.values(invariants).flatMap(({ judge }) => judge(evidence));
}
