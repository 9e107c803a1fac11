import { setTimeout as sleep } from 'node:timers/promises';
import type { ConsumerName } from '@shop/contracts';
import { DomainError } from '@shop/kernel';
import type { Database } from '@shop/platform';
import { audited } from './audit.ts';

/** Which messages or keys are meant; everything that is absent is not asked about. */
export interface Filter {
  readonly consumer?: ConsumerName | undefined;
  readonly key?: string | undefined;
  /** Part of the reason, whatever its case. */
  readonly reason?: string | undefined;
}

/** A key whose messages wait. */
export interface ParkedKey {
  readonly consumer: ConsumerName;
  readonly key: string;
  readonly kind: 'transient' | 'poison';
  readonly reason: string;
  readonly attempts: number;
  readonly parkedAt: Date;
  /** How many messages wait, the one that is to blame included. */
  readonly waiting: number;
}

/** Longest parked first, of one service. */
export function parkedKeys(database: Database, { consumer, key, reason }: Filter): Promise<ParkedKey[]> {
  return database.query<ParkedKey>(
    `SELECT consumer, key, kind, reason, attempts, k.parked_at AS "parkedAt", count(m.id)::int AS waiting
     FROM parked_keys k LEFT JOIN parked_messages m USING (consumer, key)
     WHERE ($1::text IS NULL OR consumer = $1) AND ($2::text IS NULL OR key = $2) AND ($3::text IS NULL OR strpos(lower(reason), lower($3)) > 0)
     GROUP BY consumer, key ORDER BY k.parked_at`,
    [consumer, key, reason],
  );
}

export interface Release extends Filter {
  readonly operator: string;
  readonly consumer: ConsumerName;
  /** Forget the poison message itself; what waited behind it goes on without it. */
  readonly skipDead: boolean;
  /** How long to wait for the consumer to work the keys off, in ms (10,000). */
  readonly patience?: number | undefined;
}

/** What became of a released key. */
export interface Released {
  readonly key: string;
  readonly flows: boolean;
  readonly outcome: string;
}

/**
 * Has the consumer work these keys off at once, in order, and waits for what comes of it. Throws `not-found` when none
 * is parked.
 */
export async function release(database: Database, asked: Release): Promise<Released[]> {
  const { operator, skipDead, ...filter } = asked;
  const keys = await parkedKeys(database, filter);
  if (keys.length === 0)
    throw new DomainError('not-found', 'no-such-parked-key', `${asked.consumer} has no such parked key.`);
  const released: Released[] = [];
  for (const parked of keys) {
    const { consumer, key } = parked;
    const outcome = await audited(database, { operator, action: skipDead ? 'skip' : 'release', consumer, key }, () =>
      releaseKey(database, parked, asked),
    );
    released.push({ key, flows: outcome === FLOWS, outcome });
  }
  return released;
}

const FLOWS = 'flows again';

async function releaseKey(
  database: Database,
  { consumer, key, attempts }: ParkedKey,
  { skipDead, patience = 10_000 }: Release,
): Promise<string> {
  if (skipDead)
    await database.query('DELETE FROM parked_messages WHERE consumer = $1 AND key = $2 AND dead', [consumer, key]);
  await database.query(
    `UPDATE parked_keys SET kind = 'transient', next_attempt_at = now() WHERE consumer = $1 AND key = $2`,
    [consumer, key],
  );
  for (const until = performance.now() + patience; ; await sleep(100)) {
    const [now] = await parkedKeys(database, { consumer, key });
    if (!now) return FLOWS;
    const tried = now.attempts > attempts;
    if (now.kind === 'poison' && tried) return `still poison: ${now.reason}`;
    if (performance.now() < until) continue;
    return tried
      ? `still parked, and tried again by itself: ${now.reason}`
      : `asked for, but nobody has looked at it: does ${consumer.split('.')[0]} run?`;
  }
}
