import { id } from '@shop/contracts';
import { z } from 'zod';

/** How far a store has come, as its service publishes it. */
const storeMark = z.object({ epoch: id, mark: z.int().min(0), at: z.iso.datetime() });
export type StoreMark = z.output<typeof storeMark>;

/** The same as its database has it, with the marks of other epochs that it has gone on from. */
export interface StoreStanding extends StoreMark {
  readonly follows: readonly Pick<StoreMark, 'epoch' | 'mark'>[];
}

/**
 * Where a bus knows what it is to be compared with: `older`: less than has been published; `another`: of an epoch that
 * this database has never heard of.
 */
export type Restored = 'older' | 'another';

/**
 * Whether a database is an older state of what the bus knows. `last` is to be read before the database is: then what
 * others publish meanwhile makes nobody look older. Without a mark there is nothing to compare: the first start ever,
 * or a bus that was lost.
 */
export function restoredFrom(store: StoreStanding, last: StoreMark | undefined): Restored | undefined {
  if (last === undefined) return undefined;
  if (last.epoch === store.epoch) return last.mark > store.mark ? 'older' : undefined;
  return store.follows.some(({ epoch, mark }) => epoch === last.epoch && mark >= last.mark) ? undefined : 'another';
}

/** For people: what is missing, and what to do next. */
export function sentenceOfRestored(service: string, why: Restored, store: StoreMark, last: StoreMark): string {
  const then = `Nothing is served or published. Next: docs/runbooks/store-restored.md, "npm run events -- reconcile ${service} --after-restore".`;
  if (why === 'older')
    return `The database of ${service} is an older state, of ${store.at}; the bus knows what it had done until ${last.at} (mark ${last.mark}, here ${store.mark}). ${then}`;
  return `The database of ${service} is not the one that the bus knows, which went on until ${last.at} (epoch ${last.epoch}, here ${store.epoch}). ${then}`;
}

export const textOf = ({ epoch, mark, at }: StoreMark): string => JSON.stringify({ epoch, mark, at });

/** Throws for what is no mark. */
export const markOf = (text: string): StoreMark => storeMark.parse(JSON.parse(text));
