import type { Invariant } from '../../checker/evidence.ts';
import { accountPatches } from './accounts.ts';
import { edgePatches } from './edge-patches.ts';
import { eventPatches } from './events.ts';
import { identityPatches } from './identity.ts';
import { machinePatches } from './machines.ts';
import { messagingPatches } from './messaging.ts';
import { neighbourPatches } from './neighbours.ts';
import { orderPatches } from './orders.ts';
import { storePatches } from './stores.ts';
import { topicPatches } from './topics.ts';

/** The product's own code, made wrong in one place, and the cheapest spec that has to turn red. */
export interface Patch {
  /** What is wrong now. */
  readonly name: string;
  /**
   * What it breaks; `security` for who may do what, `availability` for what has to be answered all the same: no checker
   * of orders sees them.
   */
  readonly invariant: Invariant | 'security' | 'availability';
  readonly file: string;
  /** Found exactly once; else the mutant is stale, which is a failure. */
  readonly find: string;
  readonly replace: string;
  readonly caughtBy: string;
  /** The title, or a part of it, of the test in that spec that has to turn red; any of them unless said. */
  readonly test?: string;
}

/** At least one for each invariant; each room of the code has its own list. */
export const patches: readonly Patch[] = [
  ...eventPatches,
  ...orderPatches,
  ...neighbourPatches,
  ...accountPatches,
  ...identityPatches,
  ...messagingPatches,
  ...storePatches,
  ...machinePatches,
  ...edgePatches,
  ...topicPatches,
];

/**
 * The patches that a push pays for: those with a spec that needs no server, and one of the others for each invariant.
 */
export function onEachPush(all: readonly Patch[]): Patch[] {
  const covered = new Set<string>();
  return all.filter(({ invariant, caughtBy }) => {
    if (!needsServers(caughtBy)) return true;
    const first = !covered.has(invariant);
    covered.add(invariant);
    return first;
  });
}

/** Whether the spec of a patch starts servers. */
export const needsServers = (file: string) => file.endsWith('.int.spec.ts');
