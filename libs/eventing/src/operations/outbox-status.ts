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

/** The replication slot of OUTBOX_DRIVER=wal, in which messages wait unseen (docs/adr/0015). */
export interface SlotStatus {
  readonly name: string;
  /** Up to where everything is on the bus, as the relay wrote it down. */
  readonly position: string;
  readonly exists: boolean;
  /** Whether a relay reads it. */
  readonly active: boolean;
  /** Why it can no longer be read. */
  readonly invalid?: string;
  /**
   * Bytes of the log, of all databases of the server, that were written since; and bytes that the server keeps on its
   * disk because of it.
   */
  readonly behindBytes?: number;
  readonly retainedBytes?: number;
}

export interface OutboxStatus {
  readonly shards: readonly ShardStatus[];
  /** Where the log is the outbox. */
  readonly slot?: SlotStatus;
  /**
   * Held because their destination does not take them: by destination, how many messages, and how long the oldest
   * waits, in seconds.
   */
  readonly held: readonly { readonly behind: string; readonly messages: number; readonly oldest: number }[];
  /** Set aside because the broker would never take them. */
  readonly rejected: readonly {
    readonly topic: string;
    readonly key: string;
    readonly reason: string;
    readonly rejectedAt: Date;
  }[];
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
  const held = await database.query<OutboxStatus['held'][number]>(
    'SELECT behind, count(*)::int AS messages, extract(epoch FROM clock_timestamp() - min(created_at))::float8 AS oldest FROM outbox_held GROUP BY behind ORDER BY oldest DESC',
  );
  const slot = await slotStatus(database);
  return {
    shards: shards.map(({ owner, ...shard }) => ({ ...shard, owner: owner ?? undefined })),
    ...(slot && { slot }),
    held,
    rejected,
  };
}

async function slotStatus(database: Database): Promise<SlotStatus | undefined> {
  const [row] = await database.query<{ [K in keyof SlotStatus]: SlotStatus[K] | null }>(
    `SELECT o.slot AS name, o.position::text, s.slot_name IS NOT NULL AS exists, coalesce(s.active, false) AS active,
            coalesce(s.invalidation_reason, CASE s.wal_status WHEN 'lost' THEN 'its log is gone' END) AS invalid,
            (pg_current_wal_lsn() - s.confirmed_flush_lsn)::float8 AS "behindBytes", (pg_current_wal_lsn() - s.restart_lsn)::float8 AS "retainedBytes"
     FROM outbox_slot o LEFT JOIN pg_replication_slots s ON s.slot_name = o.slot AND s.database = current_database()`,
  );
  return (
    row && (Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)) as unknown as SlotStatus)
  );
}

/** One line of it. */
export function summary({ shards, slot, held, rejected }: OutboxStatus): string {
  const aside = `${held.length === 0 ? '' : `${held.reduce((sum, { messages }) => sum + messages, 0)} held; `}${rejected.length} rejected`;
  const depth = shards.reduce((sum, shard) => sum + shard.depth, 0);
  const oldest = Math.max(...shards.map((shard) => shard.oldest));
  const waiting = depth === 0 ? 'nothing waits' : `${depth} wait, the oldest for ${oldest.toFixed(1)} s`;
  if (slot)
    return `${slotSummary(slot)}${depth === 0 ? '' : `; in the table, which nobody reads, ${waiting}`}; ${aside}`;
  const owners = new Set(shards.flatMap(({ owner }) => owner ?? []));
  const owned = shards.filter(({ owner }) => owner !== undefined).length;
  const relays = `${owners.size} ${owners.size === 1 ? 'relay' : 'relays'}`;
  return `${waiting}; ${owned} of ${shards.length} shards owned by ${relays}; ${aside}`;
}

function slotSummary({
  name,
  position,
  exists,
  active,
  invalid,
  behindBytes = 0,
  retainedBytes = 0,
}: SlotStatus): string {
  if (!exists) return `the slot ${name} is MISSING, it was last at ${position}: see docs/adr/0015`;
  if (invalid !== undefined) return `the slot ${name} can no longer be read: ${invalid}: see docs/adr/0015`;
  const mib = (bytes: number) => `${(bytes / 1_048_576).toFixed(1)} MiB`;
  return `the log is the outbox: slot ${name}, ${active ? 'read by a relay' : 'read by NOBODY'}, ${mib(behindBytes)} behind, ${mib(retainedBytes)} kept on disk`;
}
