import { DomainError } from '@shop/kernel';
import type { Transaction } from '@shop/platform';
import { seal, type Outgoing } from './outgoing.ts';

/**
 * Where messages are left in the transaction of the work, for the relay to publish: no dual write, so nothing is
 * announced that did not happen and nothing that happened stays unannounced.
 */
export abstract class Outbox {
  /**
   * Adds messages in the given order. The caller must already hold the row lock of each message's key (an aggregate's
   * row it has updated, or the stream version it has appended): that is what keeps the messages of one key in commit
   * order.
   */
  abstract add(tx: Transaction, messages: readonly Outgoing[], causationId?: string): Promise<void>;

  /** Says that something was committed, so that the relay need not wait for its next poll. */
  abstract wake(): void;
}

/**
 * How one driver is given messages: the SQL that leaves those of a relation `(shard, topic, key, payload, position)`,
 * by position. Also for use as a CTE, whose rows must then be counted, because a SELECT that nobody reads does not run.
 */
export type LeaveSql = (messages: string) => string;

/** As rows of the outbox table, for QueueRelay. */
export const leaveInTable: LeaveSql = (messages) =>
  `INSERT INTO outbox (shard, topic, key, payload) SELECT shard, topic, key, payload FROM ${messages} ORDER BY position RETURNING 1`;

/**
 * The prefix of our messages in the write-ahead log, and the publication that the log is read by
 * (migrations/0007-replication-slot.sql).
 */
export const LOG_PREFIX = 'outbox';
export const PUBLICATION = 'outbox';

/**
 * As messages of the write-ahead log, for WalRelay: no row, nothing to delete or to vacuum. The first line says for
 * whom it is, in JSON; the rest is the payload.
 */
export const leaveInLog: LeaveSql = (messages) =>
  `SELECT pg_logical_emit_message(true, '${LOG_PREFIX}', json_build_array(topic, key)::text || E'\\n' || payload)
   FROM (SELECT topic, key, payload FROM ${messages} ORDER BY position) AS in_order`;

export interface PostgresOutboxOptions {
  /** For the driver that runs; the table by default. */
  readonly leave?: LeaveSql;
  /** Why nothing may be left at the moment (Relay.trouble). */
  readonly trouble?: () => string | undefined;
}

/** The outbox in the service's own database. */
export class PostgresOutbox extends Outbox {
  readonly leave: LeaveSql;
  readonly #wake: () => void;
  readonly #trouble: () => string | undefined;
  readonly #add: string;

  constructor(
    wake: () => void = () => {},
    { leave = leaveInTable, trouble = () => undefined }: PostgresOutboxOptions = {},
  ) {
    super();
    this.leave = leave;
    this.#wake = wake;
    this.#trouble = trouble;
    this.#add = leave(
      'unnest($1::smallint[], $2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS m(shard, topic, key, payload, position)',
    );
  }

  /** Throws DomainError `outbox-closed` (unavailable) where what is committed now would never be published. */
  assertOpen(): void {
    if (this.#trouble() !== undefined)
      throw new DomainError(
        'unavailable',
        'outbox-closed',
        'Nothing can be changed at the moment: nobody would hear of it.',
      );
  }

  override async add(tx: Transaction, messages: readonly Outgoing[], causationId?: string): Promise<void> {
    if (messages.length === 0) return;
    this.assertOpen();
    const rows = messages.map((message) => seal(message, causationId));
    await tx.query(
      this.#add,
      [
        rows.map((row) => row.shard),
        rows.map((row) => row.topic),
        rows.map((row) => row.key),
        rows.map((row) => row.payload),
      ],
      'outbox-add',
    );
  }

  override wake(): void {
    this.#wake();
  }
}
