import { randomUUIDv7 } from 'node:crypto';
import { schemaVersionOf, upcast, type StoredEvent, type Upcasters } from '@shop/kernel';
import { constraintOf, type Database, type Transaction } from '@shop/platform';
import { AlreadyHandled, KeyParked, type InboxRow } from './effect.ts';
import { seal, type Outgoing, type OutboxRow } from './outgoing.ts';
import type { LeaveSql, PostgresOutbox } from './outbox.ts';

/** An event as it stands in its stream. */
export interface RecordedEvent<E = { type: string }> {
  readonly version: number;
  readonly recordedAt: string;
  readonly event: E;
}

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
  /** By when the next step must have come (ISO 8601); absent: nothing is awaited any more. */
  readonly dueAt?: string;
}

interface EventRow extends StoredEvent {
  readonly version: number;
  readonly recordedAt: Date;
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
 * Streams of events in Postgres, with outbox, inbox, idempotency and deadline written in the same statement: one round trip, one commit.
 * The insert of (stream, next version) is the row lock of the message key. CTEs run in no stated order, so they are chained by their
 * data: the outbox reads from what the events insert returned, in version order. Conflicts are told apart by the violated constraint.
 * Events are written in today's form, and read in it whatever form they were stored in.
 */
export class EventStore {
  readonly #database: Database;
  readonly #outbox: PostgresOutbox;
  readonly #append: string;
  readonly #upcasters: Upcasters;

  constructor(database: Database, outbox: PostgresOutbox, upcasters: Upcasters = {}) {
    this.#database = database;
    this.#outbox = outbox;
    this.#append = appendSql(outbox.leave);
    this.#upcasters = upcasters;
  }

  /** The stream from its first event, oldest first, each in today's form; empty when there is none. */
  async load<E extends { type: string }>(stream: string): Promise<RecordedEvent<E>[]> {
    const rows = await this.#database.query<EventRow>(
      'SELECT version, type, schema_version AS "schemaVersion", data, recorded_at AS "recordedAt" FROM events WHERE stream = $1 ORDER BY version',
      [stream],
      'stream-load',
    );
    return rows.map((row) => this.#recorded<E>(row));
  }

  /**
   * The same for whom it is: a stream whose first event names them in `field`, or any stream for those who may read `anybodys`. Whose it is, is
   * asked in the query, so nothing of another's leaves the database; it looks as if it were not there.
   */
  async loadFor<E extends { type: string }>(stream: string, { field, value, anybodys }: { field: string; value: string; anybodys: boolean }): Promise<RecordedEvent<E>[]> {
    const rows = await this.#database.query<EventRow>(
      `SELECT version, type, schema_version AS "schemaVersion", data, recorded_at AS "recordedAt" FROM events WHERE stream = $1
         AND ($4 OR EXISTS (SELECT 1 FROM events AS first WHERE first.stream = $1 AND first.version = 1 AND first.data ->> $2 = $3)) ORDER BY version`,
      [stream, field, value, anybodys],
      'stream-load-for',
    );
    return rows.map((row) => this.#recorded<E>(row));
  }

  /** The same of several streams in one round trip: those that there are, by their names. Through a transaction it sees what that sees. */
  async loadMany<E extends { type: string }>(streams: readonly string[], via: Transaction = this.#database): Promise<Map<string, RecordedEvent<E>[]>> {
    const rows = await via.query<EventRow & { stream: string }>(
      'SELECT stream, version, type, schema_version AS "schemaVersion", data, recorded_at AS "recordedAt" FROM events WHERE stream = ANY($1) ORDER BY stream, version',
      [streams],
      'streams-load',
    );
    const of = Map.groupBy(rows, ({ stream }) => stream);
    return new Map([...of].map(([stream, own]) => [stream, own.map((row) => this.#recorded<E>(row))]));
  }

  /** Throws VersionConflict, AlreadyHandled, KeyParked or KeyUsed, each when its constraint says so; and what `Outbox.add` throws. */
  async append(append: Append): Promise<void> {
    this.#outbox.assertOpen();
    const { stream, expectedVersion, events, inbox, idempotency } = append;
    const ids = events.map(() => randomUUIDv7());
    const rows = sealed(append, ids);
    try {
      const [result] = await this.#database.query<{ appended: number }>(
        this.#append,
        [
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
          append.dueAt,
          events.map((event) => schemaVersionOf(event.type, this.#upcasters)),
        ],
        'stream-append',
      );
      if (result?.appended === 0) throw new KeyParked();
    } catch (error) {
      throw meaningOf(error);
    }
    this.#outbox.wake();
  }

  /** Notes that a message has been handled when it changed nothing. Throws AlreadyHandled or KeyParked. */
  async acknowledge({ consumer, messageId, unlessParked }: InboxRow): Promise<void> {
    try {
      const rows = await this.#database.query(
        `INSERT INTO inbox (consumer, message_id)
         SELECT $1, $2 WHERE NOT EXISTS (SELECT 1 FROM parked_keys WHERE consumer = $1 AND key = $3) RETURNING 1`,
        [consumer, messageId, unlessParked],
        'inbox-acknowledge',
      );
      if (rows.length === 0) throw new KeyParked();
    } catch (error) {
      throw meaningOf(error);
    }
  }

  /** The answer kept under a key, if it has been used. */
  async answerTo(principal: string, operation: string, key: string): Promise<StoredAnswer | undefined> {
    const [row] = await this.#database.query<StoredAnswer>(
      'SELECT body_hash AS "bodyHash", status, answer FROM idempotency WHERE principal = $1 AND operation = $2 AND key = $3',
      [principal, operation, key],
      'idempotency-read',
    );
    return row;
  }

  /** Keeps the answer to a command that was refused: nothing was appended, and the same key gets the same refusal. Throws KeyUsed. */
  async remember(row: IdempotencyRow): Promise<void> {
    try {
      await this.#database.query(
        'INSERT INTO idempotency (principal, operation, key, body_hash, status, answer) VALUES ($1, $2, $3, $4, $5, $6)',
        [row.principal, row.operation, row.key, row.bodyHash, row.status, JSON.stringify(row.answer)],
        'idempotency-write',
      );
    } catch (error) {
      throw meaningOf(error);
    }
  }

  /** Streams whose deadline has passed, longest first, each with the version that awaited it. */
  due(limit: number): Promise<{ stream: string; version: number }[]> {
    return this.#database.query(
      'SELECT stream, version FROM deadlines WHERE due_at <= now() ORDER BY due_at LIMIT $1',
      [limit],
      'deadlines-due',
    );
  }

  #recorded<E extends { type: string }>(row: EventRow): RecordedEvent<E> {
    return { version: row.version, recordedAt: row.recordedAt.toISOString(), event: upcast<E>(row, this.#upcasters) };
  }
}

/** A message that announces an event is the same message whenever it is announced: it bears the id and the time of the event. */
function sealed(append: Append, ids: readonly string[]): OutboxRow[] {
  const { messages, inbox, expectedVersion } = append;
  return messages.map((message) => {
    const { sequence } = message;
    if (sequence === undefined) return seal(message, inbox?.messageId);
    return seal(message, inbox?.messageId, ids[sequence - expectedVersion - 1], append.recordedAt);
  });
}

/** The messages follow from `whole`, so that they are left after the events, and only with them. */
const appendSql = (leave: LeaveSql) => `
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
    INSERT INTO deadlines (stream, version, due_at)
    SELECT $1, whole.version, $20::timestamptz FROM whole WHERE $20::timestamptz IS NOT NULL AND whole.appended > 0
    ON CONFLICT ON CONSTRAINT deadlines_pkey DO UPDATE SET version = excluded.version, due_at = excluded.due_at
  ), settled AS (
    DELETE FROM deadlines USING whole WHERE stream = $1 AND $20::timestamptz IS NULL AND whole.appended > 0
  )
  SELECT whole.appended, (SELECT count(*) FROM queued) AS queued FROM whole`;

const MESSAGES = `(
      SELECT m.* FROM whole, unnest($7::smallint[], $8::text[], $9::text[], $10::text[]) WITH ORDINALITY AS m(shard, topic, key, payload, position)
      WHERE whole.appended > 0) AS messages`;

/** Which rule of the database said no. A partition's key is named after the partition. */
function meaningOf(error: unknown): unknown {
  const constraint = constraintOf(error);
  if (constraint === undefined) return error;
  if (/^events_(\d\d_)?pkey$/.test(constraint)) return new VersionConflict();
  if (constraint === 'inbox_pkey') return new AlreadyHandled();
  if (constraint === 'idempotency_pkey') return new KeyUsed();
  return error;
}
