import { upcast, type StoredEvent, type Upcasters } from '@shop/kernel';
import type { Database, Transaction } from '@shop/platform';
import { appendSql, appendValues, meaningOf, type Append, type IdempotencyRow, type StoredAnswer } from './append.ts';
import { KeyParked, type InboxRow } from './claims.ts';
import type { PostgresOutbox } from './outbox.ts';

/** An event as it stands in its stream. */
export interface RecordedEvent<E = { type: string }> {
  readonly version: number;
  readonly recordedAt: string;
  readonly event: E;
}

interface EventRow extends StoredEvent {
  readonly version: number;
  readonly recordedAt: Date;
}

/**
 * Streams of events in Postgres, with outbox, inbox, idempotency and deadline written in the same statement: one round
 * trip, one commit. The insert of (stream, next version) is the row lock of the message key. CTEs run in no stated
 * order, so they are chained by their data: the outbox reads from what the events insert returned, in version order.
 * Conflicts are told apart by the violated constraint. Events are written in today's form, and read in it whatever form
 * they were stored in.
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
   * The same for whom it is: a stream whose first event names them in `field`, or any stream for those who may read
   * `anybodys`. Whose it is, is asked in the query, so nothing of another's leaves the database; it looks as if it were
   * not there.
   */
  async loadFor<E extends { type: string }>(
    stream: string,
    { field, value, anybodys }: { field: string; value: string; anybodys: boolean },
  ): Promise<RecordedEvent<E>[]> {
    const rows = await this.#database.query<EventRow>(
      `SELECT version, type, schema_version AS "schemaVersion", data, recorded_at AS "recordedAt" FROM events WHERE stream = $1
         AND ($4 OR EXISTS (SELECT 1 FROM events AS first WHERE first.stream = $1 AND first.version = 1 AND first.data ->> $2 = $3)) ORDER BY version`,
      [stream, field, value, anybodys],
      'stream-load-for',
    );
    return rows.map((row) => this.#recorded<E>(row));
  }

  /**
   * The same of several streams in one round trip: those that there are, by their names. Through a transaction it sees
   * what that sees.
   */
  async loadMany<E extends { type: string }>(
    streams: readonly string[],
    via: Transaction = this.#database,
  ): Promise<Map<string, RecordedEvent<E>[]>> {
    const rows = await via.query<EventRow & { stream: string }>(
      'SELECT stream, version, type, schema_version AS "schemaVersion", data, recorded_at AS "recordedAt" FROM events WHERE stream = ANY($1) ORDER BY stream, version',
      [streams],
      'streams-load',
    );
    const of = Map.groupBy(rows, ({ stream }) => stream);
    return new Map([...of].map(([stream, own]) => [stream, own.map((row) => this.#recorded<E>(row))]));
  }

  /**
   * Throws VersionConflict, AlreadyHandled, KeyParked or KeyUsed, each when its constraint says so; and what
   * `Outbox.add` throws.
   */
  async append(append: Append): Promise<void> {
    this.#outbox.assertOpen();
    try {
      const [result] = await this.#database.query<{ appended: number }>(
        this.#append,
        appendValues(append, this.#upcasters),
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

  /**
   * Keeps the answer to a command that was refused: nothing was appended, and the same key gets the same refusal.
   * Throws KeyUsed.
   */
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

  #recorded<E extends { type: string }>(row: EventRow): RecordedEvent<E> {
    return { version: row.version, recordedAt: row.recordedAt.toISOString(), event: upcast<E>(row, this.#upcasters) };
  }
}
