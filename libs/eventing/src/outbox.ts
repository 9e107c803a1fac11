import type { Transaction } from '@shop/platform';
import { seal, type Outgoing } from './outgoing.ts';

/**
 * Where messages are left in the transaction of the work, for the relay to publish: no dual write, so nothing is announced that did
 * not happen and nothing that happened stays unannounced.
 */
export abstract class Outbox {
  /**
   * Adds messages in the given order. The caller must already hold the row lock of each message's key (an aggregate's row it has
   * updated, or the stream version it has appended): that is what keeps the ids of one key in commit order.
   */
  abstract add(tx: Transaction, messages: readonly Outgoing[], causationId?: string): Promise<void>;

  /** Says that something was committed, so that the relay need not wait for its next poll. */
  abstract wake(): void;
}

/** The outbox table of migrations/0001-outbox.sql. */
export class PostgresOutbox extends Outbox {
  readonly #wake: () => void;

  constructor(wake: () => void = () => {}) {
    super();
    this.#wake = wake;
  }

  override async add(tx: Transaction, messages: readonly Outgoing[], causationId?: string): Promise<void> {
    if (messages.length === 0) return;
    const rows = messages.map((message) => seal(message, causationId));
    await tx.query(
      `INSERT INTO outbox (shard, topic, key, payload)
       SELECT shard, topic, key, payload
       FROM unnest($1::smallint[], $2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS m(shard, topic, key, payload, position)
       ORDER BY position`,
      [rows.map((row) => row.shard), rows.map((row) => row.topic), rows.map((row) => row.key), rows.map((row) => row.payload)],
      'outbox-add',
    );
  }

  override wake(): void {
    this.#wake();
  }
}
