import { randomUUIDv7 } from 'node:crypto';
import { schemaVersionOf, type Upcasters } from '@shop/kernel';
import { constraintOf } from '@shop/platform';
import { AlreadyHandled, type InboxRow } from './claims.ts';
import { seal, type Outgoing, type OutboxRow } from './outgoing.ts';
import type { LeaveSql } from './outbox.ts';

/** An answer kept under an Idempotency-Key. */
export interface StoredAnswer {
  readonly bodyHash: string;
  readonly status: number;
  readonly answer: unknown;
}

/** Who asked for what under which key, with the hash of the body; unique by the first three. */
export interface IdempotencyRow extends StoredAnswer {
  readonly principal: string;
  readonly operation: string;
  readonly key: string;
}

/** Everything one decision changes, written by one statement: all of it or nothing. */
export interface Append {
  readonly stream: string;
  /** The version the decision was made at; 0 for a stream that does not exist yet. */
  readonly expectedVersion: number;
  /** At least one. */
  readonly events: readonly { readonly type: string }[];
  /** ISO 8601. */
  readonly recordedAt: string;
  /** A message with a sequence announces the event of that version and bears its id and time. */
  readonly messages: readonly Outgoing[];
  /** Ties the append to the message that caused it. */
  readonly inbox?: InboxRow;
  readonly idempotency?: IdempotencyRow;
  /**
   * When it is looked whether what is awaited has come, in ms from now by the clock of the database; absent: nothing is
   * awaited any more.
   */
  readonly lookInMs?: number;
  /** When an instance of the version before gives the stream up, in ms from now; absent: never. */
  readonly givenUpInMs?: number;
  /** The steps that are asked for by it, whose answers are awaited (awaited-answers.ts). */
  readonly awaited?: readonly string[];
}

/** Somebody else appended to the stream since it was read: load, decide and append again. */
export class VersionConflict extends Error {
  override readonly name = 'VersionConflict';
}

/** The Idempotency-Key has been used: its answer is to be read. */
export class KeyUsed extends Error {
  override readonly name = 'KeyUsed';
}

/**
 * The one statement of an append, and below it its values. The messages follow from `whole`, so that they are left
 * after the events, and only with them.
 */
export const appendSql = (leave: LeaveSql) => `
  WITH appended AS (
    INSERT INTO events (stream, version, id, type, schema_version, data, recorded_at)
    SELECT $1, e.version, e.id, e.type, e.form, e.data, $6
    FROM unnest($2::int[], $3::uuid[], $4::text[], $21::smallint[], $5::jsonb[]) AS e(version, id, type, form, data)
    WHERE NOT EXISTS (SELECT 1 FROM parked_keys WHERE consumer = $11 AND key = $13)
    ORDER BY e.version
    RETURNING version
  ), whole AS (
    SELECT count(*)::int AS appended, max(version) AS version FROM appended
  ), queued AS (
    ${leave(MESSAGES)}
  ), seen AS (
    INSERT INTO inbox (consumer, message_id) SELECT $11, $12 FROM whole WHERE $12::text IS NOT NULL AND whole.appended > 0
  ), answered AS (
    INSERT INTO idempotency (principal, operation, key, body_hash, status, answer)
    SELECT $14, $15, $16, $17, $18::int, $19::jsonb FROM whole WHERE $16::text IS NOT NULL AND whole.appended > 0
  ), awaited AS (
    INSERT INTO deadlines (stream, version, due_at, look_at, awaited, since)
    SELECT $1, whole.version, coalesce(clock_timestamp() + $23::float8 * interval '1 millisecond', 'infinity'),
           clock_timestamp() + $20::float8 * interval '1 millisecond', $22::text[], clock_timestamp()
    FROM whole WHERE $20::float8 IS NOT NULL AND whole.appended > 0
    ON CONFLICT ON CONSTRAINT deadlines_pkey
      DO UPDATE SET version = excluded.version, due_at = excluded.due_at, look_at = excluded.look_at, awaited = excluded.awaited, asked = 1, since = excluded.since
  ), settled AS (
    DELETE FROM deadlines USING whole WHERE stream = $1 AND $20::float8 IS NULL AND whole.appended > 0
  )
  SELECT whole.appended, (SELECT count(*) FROM queued) AS queued FROM whole`;

const MESSAGES = `(
      SELECT m.* FROM whole, unnest($7::smallint[], $8::text[], $9::text[], $10::text[]) WITH ORDINALITY AS m(shard, topic, key, payload, position)
      WHERE whole.appended > 0) AS messages`;

/** In the order of the statement's numbers. */
export function appendValues(append: Append, upcasters: Upcasters): unknown[] {
  const { stream, expectedVersion, events, inbox, idempotency } = append;
  const ids = events.map(() => randomUUIDv7());
  const rows = sealed(append, ids);
  return [
    stream,
    events.map((_, index) => expectedVersion + 1 + index),
    ids,
    events.map((event) => event.type),
    events.map(({ type: _, ...data }) => JSON.stringify(data)),
    append.recordedAt,
    rows.map((row) => row.shard),
    rows.map((row) => row.topic),
    rows.map((row) => row.key),
    rows.map((row) => row.payload),
    inbox?.consumer,
    inbox?.messageId,
    inbox?.unlessParked,
    idempotency?.principal,
    idempotency?.operation,
    idempotency?.key,
    idempotency?.bodyHash,
    idempotency?.status,
    idempotency && JSON.stringify(idempotency.answer),
    append.lookInMs,
    events.map((event) => schemaVersionOf(event.type, upcasters)),
    append.awaited ?? [],
    append.givenUpInMs,
  ];
}

/**
 * A message that announces an event is the same message whenever it is announced: it bears the id and the time of the
 * event.
 */
function sealed(append: Append, ids: readonly string[]): OutboxRow[] {
  const { messages, inbox, expectedVersion } = append;
  return messages.map((message) => {
    const { sequence } = message;
    if (sequence === undefined) return seal(message, inbox?.messageId);
    return seal(message, inbox?.messageId, ids[sequence - expectedVersion - 1], append.recordedAt);
  });
}

/** Which rule of the database said no. A partition's key is named after the partition. */
export function meaningOf(error: unknown): unknown {
  const constraint = constraintOf(error);
  if (constraint === undefined) return error;
  if (/^events_(\d\d_)?pkey$/.test(constraint)) return new VersionConflict();
  if (constraint === 'inbox_pkey') return new AlreadyHandled();
  if (constraint === 'idempotency_pkey') return new KeyUsed();
  return error;
}
