import { setTimeout as sleep } from 'node:timers/promises';
import { DomainError } from '@shop/kernel';
import type { Database } from '@shop/platform';
import { audited } from './audit.ts';

/** Which of the messages that were set aside; everything that is absent is not asked about. */
export interface PutBack {
  readonly operator: string;
  readonly topic?: string | undefined;
  readonly key?: string | undefined;
  /** How long to wait for the relay to publish them, in ms (10,000). */
  readonly patience?: number | undefined;
}

/** What came of the messages of one key that were put back. */
export interface PutBackKey {
  readonly key: string;
  readonly published: boolean;
  readonly outcome: string;
}

const PUBLISHED = 'published';

/**
 * Has the relay try again what the broker refused, in the order of each key, and waits for what comes of it. Messages
 * go among the held ones, which both drivers read, and behind what their key may have waiting there; put back into the
 * outbox under their old ids they would lie before the place from which it is read. Throws `not-found` when none was
 * set aside.
 */
export async function putBack(database: Database, asked: PutBack): Promise<PutBackKey[]> {
  const keys = await database.query<{ key: string; count: number }>(
    `SELECT key, count(*)::int AS count FROM outbox_rejected WHERE ($1::text IS NULL OR topic = $1) AND ($2::text IS NULL OR key = $2) GROUP BY key ORDER BY min(id)`,
    [asked.topic, asked.key],
  );
  if (keys.length === 0) throw new DomainError('not-found', 'nothing-set-aside', 'No such message was set aside.');
  const done: PutBackKey[] = [];
  for (const { key, count } of keys) {
    const outcome = await audited(
      database,
      { operator: asked.operator, action: 'put-back', consumer: 'outbox', key },
      () => putBackKey(database, key, count, asked),
    );
    done.push({ key, published: outcome === PUBLISHED, outcome });
  }
  return done;
}

async function putBackKey(
  database: Database,
  key: string,
  count: number,
  { topic, patience = 10_000 }: PutBack,
): Promise<string> {
  await database.query(
    `WITH back AS (DELETE FROM outbox_rejected WHERE key = $1 AND ($2::text IS NULL OR topic = $2) RETURNING *)
     INSERT INTO outbox_held (shard, id, topic, key, payload, created_at, behind)
     SELECT shard, id, topic, key, payload, created_at, coalesce((SELECT behind FROM outbox_held AS held WHERE held.key = back.key LIMIT 1), 'put back') FROM back`,
    [key, topic],
  );
  for (const until = performance.now() + patience; ; await sleep(100)) {
    const [now] = await database.query<{ held: number; refused: string | null; behind: string | null }>(
      `SELECT (SELECT count(*)::int FROM outbox_held WHERE key = $1) AS held, (SELECT behind FROM outbox_held WHERE key = $1 LIMIT 1) AS behind,
              (SELECT reason FROM outbox_rejected WHERE key = $1 AND ($2::text IS NULL OR topic = $2) LIMIT 1) AS refused`,
      [key, topic],
    );
    if (now?.refused) return `refused again: ${now.refused}`;
    if (now?.held === 0) return PUBLISHED;
    if (performance.now() > until)
      return `${count} put back, and still held behind "${now?.behind}": does a relay run, and is its destination well?`;
  }
}
