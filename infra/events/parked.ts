import { setTimeout as sleep } from 'node:timers/promises';
import type { ConsumerName } from '@shop/contracts';
import { Obstacle } from '../state.ts';
import { audited } from './audit.ts';
import { inDatabase, messagingServices, serviceOf, type Filter, type OperatedShop, type Sql } from './operated-shop.ts';

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

/** Longest parked first, of one consumer or of all. */
export async function parkedKeys(shop: OperatedShop, filter: Filter): Promise<ParkedKey[]> {
  const services = filter.consumer ? [serviceOf(filter.consumer)] : messagingServices;
  const found = await Promise.all(services.map((service) => inDatabase(shop, service, (sql) => parkedIn(sql, filter))));
  return found.flat().sort((a, b) => a.parkedAt.getTime() - b.parkedAt.getTime());
}

function parkedIn(sql: Sql, { consumer, key, reason }: Filter): Promise<ParkedKey[]> {
  return sql<ParkedKey>(
    `SELECT consumer, key, kind, reason, attempts, k.parked_at AS "parkedAt", count(m.id)::int AS waiting
     FROM parked_keys k LEFT JOIN parked_messages m USING (consumer, key)
     WHERE ($1::text IS NULL OR consumer = $1) AND ($2::text IS NULL OR key = $2) AND ($3::text IS NULL OR strpos(lower(reason), lower($3)) > 0)
     GROUP BY consumer, key ORDER BY k.parked_at`,
    [consumer, key, reason],
  );
}

export interface Release extends Filter {
  readonly consumer: ConsumerName;
  /** Forget the poison message itself; what waited behind it goes on without it. */
  readonly skipDead: boolean;
  /** How long to wait for the consumer to work the keys off, in ms. */
  readonly patience?: number;
}

/** What became of a released key. */
export interface Released {
  readonly key: string;
  readonly flows: boolean;
  readonly outcome: string;
}

/** Has the consumer work these keys off at once, in order, and waits for what comes of it. */
export async function release(shop: OperatedShop, asked: Release): Promise<Released[]> {
  return inDatabase(shop, serviceOf(asked.consumer), async (sql) => {
    const keys = await parkedIn(sql, asked);
    if (keys.length === 0) throw new Obstacle(`${asked.consumer} has no such parked key.`);
    const released: Released[] = [];
    for (const parked of keys) {
      const { consumer, key } = parked;
      const outcome = await audited(sql, { action: asked.skipDead ? 'skip' : 'release', consumer, key }, () => releaseKey(sql, parked, asked));
      released.push({ key, flows: outcome === FLOWS, outcome });
    }
    return released;
  });
}

const FLOWS = 'flows again';

async function releaseKey(sql: Sql, { consumer, key, attempts }: ParkedKey, { skipDead, patience = 10_000 }: Release): Promise<string> {
  if (skipDead) await sql('DELETE FROM parked_messages WHERE consumer = $1 AND key = $2 AND dead', [consumer, key]);
  await sql(`UPDATE parked_keys SET kind = 'transient', next_attempt_at = now() WHERE consumer = $1 AND key = $2`, [consumer, key]);
  for (const until = Date.now() + patience; ; await sleep(100)) {
    const [now] = await parkedIn(sql, { consumer, key });
    if (!now) return FLOWS;
    const tried = now.attempts > attempts;
    if (now.kind === 'poison' && tried) return `still poison: ${now.reason}`;
    if (Date.now() < until) continue;
    return tried ? `still parked, and tried again by itself: ${now.reason}` : `asked for, but nobody has looked at it: does ${serviceOf(consumer)} run?`;
  }
}
