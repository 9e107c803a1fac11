import type { Database } from '@shop/platform';
import { SHARDS } from '../outgoing.ts';
import { SHARD_LOCK } from '../queue-relay.ts';

/** One queue of a service's outbox. */
export interface ShardStatus {
  readonly shard: number;
  /** Messages that wait to be published. */
  readonly depth: number;
  /** How long the oldest waits, in seconds. */
  readonly oldest: number;
  /** The server process of the relay that owns it; undefined: nobody publishes it. */
  readonly owner: number | undefined;
}

export interface OutboxStatus {
  readonly shards: readonly ShardStatus[];
  /** Set aside because the broker would never take them. */
  readonly rejected: readonly { readonly topic: string; readonly key: string; readonly reason: string; readonly rejectedAt: Date }[];
}

/** What waits in a service's outbox, and who publishes it. */
export async function outboxStatus(database: Database): Promise<OutboxStatus> {
  const shards = await database.query<Omit<ShardStatus, 'owner'> & { owner: number | null }>(
    `SELECT s.shard, coalesce(o.depth, 0) AS depth, coalesce(o.oldest, 0) AS oldest, l.pid AS owner
     FROM generate_series(0, $1 - 1) AS s(shard)
     LEFT JOIN (
       SELECT shard, count(*)::int AS depth, extract(epoch FROM clock_timestamp() - min(created_at))::float8 AS oldest
       FROM outbox GROUP BY shard) o USING (shard)
     LEFT JOIN pg_locks l ON l.locktype = 'advisory' AND l.classid = $2 AND l.objid = s.shard AND l.granted
       AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
     ORDER BY s.shard`,
    [SHARDS, SHARD_LOCK],
  );
  const rejected = await database.query<OutboxStatus['rejected'][number]>(
    'SELECT topic, key, reason, rejected_at AS "rejectedAt" FROM outbox_rejected ORDER BY rejected_at DESC LIMIT 100',
  );
  return { shards: shards.map(({ owner, ...shard }) => ({ ...shard, owner: owner ?? undefined })), rejected };
}

/** One line of it. */
export function summary({ shards, rejected }: OutboxStatus): string {
  const depth = shards.reduce((sum, shard) => sum + shard.depth, 0);
  const oldest = Math.max(...shards.map((shard) => shard.oldest));
  const owners = new Set(shards.flatMap(({ owner }) => owner ?? []));
  const owned = shards.filter(({ owner }) => owner !== undefined).length;
  const relays = `${owners.size} ${owners.size === 1 ? 'relay' : 'relays'}`;
  const waiting = depth === 0 ? 'nothing waits' : `${depth} wait, the oldest for ${oldest.toFixed(1)} s`;
  return `${waiting}; ${owned} of ${shards.length} shards owned by ${relays}; ${rejected.length} rejected`;
}
