import { stockReserved } from '@shop/contracts';
import { event, type Outbox } from '@shop/eventing';
import type { Fact } from '../checker/findings.ts';
import type { Bench } from './bench.ts';
import type { Part } from './part.ts';
import { keysFrom, numbersFrom, popular } from './seed.ts';
import type { Victim } from './victim.ts';

/** One client's wish: change this key. The number makes repeating it safe. */
export interface Change {
  readonly number: number;
  readonly key: string;
}

/** Where a change's message goes. `told` is waited for before the client gets its answer. */
export interface Announcement {
  readonly outbox: Outbox;
  readonly told?: () => Promise<void>;
}

/** The topic on which changes are told. */
export const topic = stockReserved.topic;

/** The state (`keys`) and, as the truth about what happened to it, every change. */
export const tables = `
  CREATE TABLE keys (key text PRIMARY KEY, version int NOT NULL DEFAULT 0);
  CREATE TABLE changes (number int PRIMARY KEY, key text NOT NULL, version int);
`;

/**
 * A writer as any service has one: note the command, change the state under its row's lock, leave the message, all in
 * one transaction; then tell that it is committed, and answer. A change that is asked for again gets its first answer.
 */
export function writer(part: Part, announce: () => Announcement): (change: Change) => Promise<Fact> {
  return async ({ number, key }) => {
    const { outbox, told } = announce();
    const fact = await part.database.transaction(async (tx) => {
      const isNew = await tx.query(
        'INSERT INTO changes (number, key) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING 1',
        [number, key],
        'note',
      );
      if (isNew.length === 0)
        return (
          await tx.query<Fact>('SELECT key, version AS sequence FROM changes WHERE number = $1', [number], 'again')
        )[0] as Fact;
      const [changed] = await tx.query<Fact>(
        'UPDATE keys SET version = version + 1 WHERE key = $1 RETURNING key, version AS sequence',
        [key],
        'change',
      );
      if (!changed) throw new Error(`there is no key ${key}`);
      await tx.query('UPDATE changes SET version = $2 WHERE number = $1', [number, changed.sequence], 'number');
      await outbox.add(tx, [event(stockReserved, { ...changed, data: { orderId: key } })]);
      return changed;
    });
    part.failPoint(`committed-${number}`);
    outbox.wake();
    await told?.();
    return fact;
  };
}

/** Makes the keys, and the changes that every variant is asked for. */
export async function plan(
  bench: Bench,
  { seed, changes, keys }: { seed: number; changes: number; keys: number },
): Promise<Change[]> {
  const next = numbersFrom(seed);
  const names = keysFrom(next, keys);
  await bench.query('INSERT INTO keys (key) SELECT unnest($1::text[])', [names]);
  const key = popular(next, names);
  return Array.from({ length: changes }, (_, number) => ({ number, key: key() }));
}

/**
 * So many clients ask side by side, each for its next change when the last one is answered. Returns their journal: what
 * they were told.
 */
export async function askAll(victim: Victim, changes: readonly Change[], clients: number): Promise<Fact[]> {
  const journal: Fact[] = [];
  const waiting = changes.values();
  const client = async () => {
    for (const change of waiting) {
      const fact = await victim.ask<Fact>(change);
      if (!fact) return; // it ended by itself: an accident, which the bench has noted
      journal.push(fact);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return journal;
}

/** What happened, according to the database. */
export const happened = (bench: Bench): Promise<Fact[]> =>
  bench.query<{ key: string; sequence: number }>('SELECT key, version AS sequence FROM changes');
