import type { ConsumerName } from '@shop/contracts';
import type { Database } from '@shop/platform';

/** A message that waits behind a parked key. */
export interface ParkedMessage {
  readonly messageId: string;
  readonly topic: string;
  readonly payload: string;
  /** Its place in the stream of its key, if it has one. */
  readonly sequence?: number | undefined;
  /** It is in the dead letters, too, and kept here at its place in the order, for when its key is released. */
  readonly dead?: boolean;
}

export interface Park {
  readonly key: string;
  readonly kind: 'transient' | 'poison';
  readonly reason: string;
  /** The message to keep; absent when it is kept already. */
  readonly message?: ParkedMessage;
}

/**
 * First wait before a parked key is tried again, in milliseconds; it doubles with each attempt up to the last. That is
 * how much longer than its cause a parked key can last, also when the instance that took it has been killed; what a
 * long outage may cost is bounded by `due` instead.
 */
const FIRST_RETRY_MS = 2_000;
const LAST_RETRY_MS = 15_000;

/** The parked keys of one consumer, as rows in its own database (migrations/0003-parked.sql). */
export class Parking {
  readonly #database: Database;
  readonly #consumer: ConsumerName;

  constructor(database: Database, consumer: ConsumerName) {
    this.#database = database;
    this.#consumer = consumer;
  }

  /**
   * Parks a key, or adds a message to one that is parked, which stays what it is: a poison message that comes behind
   * others waits for its turn, and they are tried again meanwhile. Taking the row's lock keeps a concurrent release
   * from missing the message.
   */
  async park({ key, kind, reason, message }: Park): Promise<void> {
    await this.#database.query(
      `WITH parked AS (
         INSERT INTO parked_keys (consumer, key, kind, reason, next_attempt_at)
         VALUES ($1, $2, $3, $4, now() + $5 * interval '1 millisecond')
         ON CONFLICT ON CONSTRAINT parked_keys_pkey DO UPDATE SET kind = parked_keys.kind
         RETURNING consumer, key)
       INSERT INTO parked_messages (consumer, key, message_id, topic, payload, sequence, dead)
       SELECT consumer, key, $6, $7, $8, $9::int, $10 FROM parked WHERE $6::text IS NOT NULL
       ON CONFLICT ON CONSTRAINT parked_messages_once DO UPDATE SET dead = parked_messages.dead OR excluded.dead`,
      [
        this.#consumer,
        key,
        kind,
        storable(reason, 500),
        FIRST_RETRY_MS,
        message?.messageId,
        message?.topic,
        storable(message?.payload),
        message?.sequence,
        message?.dead ?? false,
      ],
      'park',
    );
  }

  /** Takes keys whose next attempt is due; no other instance gets them until the wait that this sets is over. */
  async due(limit = 10): Promise<string[]> {
    const rows = await this.#database.query<{ key: string }>(
      `UPDATE parked_keys SET attempts = attempts + 1,
              next_attempt_at = now() + least($3::float8, $4::float8 * 2 ^ least(attempts + 1, 20)) * interval '1 millisecond'
       WHERE (consumer, key) IN (
         SELECT consumer, key FROM parked_keys
         WHERE consumer = $1 AND kind = 'transient' AND next_attempt_at <= now()
         ORDER BY next_attempt_at LIMIT $2 FOR UPDATE SKIP LOCKED)
       RETURNING key`,
      [this.#consumer, limit, LAST_RETRY_MS, FIRST_RETRY_MS],
      'parked-due',
    );
    return rows.map((row) => row.key);
  }

  /**
   * The message behind a key whose turn it is: the oldest, unless one has arrived since that precedes it in their
   * stream, for which it may have been waiting.
   */
  async first(key: string): Promise<ParkedMessage | undefined> {
    const [row] = await this.#database.query<ParkedMessage>(
      `WITH oldest AS (SELECT topic, sequence FROM parked_messages WHERE consumer = $1 AND key = $2 ORDER BY id LIMIT 1)
       SELECT message_id AS "messageId", m.topic, payload, m.sequence, dead
       FROM parked_messages m JOIN oldest ON m.topic = oldest.topic AND (m.sequence <= oldest.sequence OR oldest.sequence IS NULL)
       WHERE consumer = $1 AND key = $2
       ORDER BY CASE WHEN oldest.sequence IS NOT NULL THEN m.sequence END, id LIMIT 1`,
      [this.#consumer, key],
      'parked-first',
    );
    return row;
  }

  /** Keys that are parked now, by whichever instance. */
  async count(): Promise<number> {
    const [row] = await this.#database.query<{ keys: number }>(
      'SELECT count(*)::int AS keys FROM parked_keys WHERE consumer = $1',
      [this.#consumer],
      'parked-count',
    );
    return row?.keys ?? 0;
  }

  /** The turn of a poison message has come: its key waits for a person. */
  async stop(key: string): Promise<void> {
    await this.#database.query(
      `UPDATE parked_keys SET kind = 'poison' WHERE consumer = $1 AND key = $2`,
      [this.#consumer, key],
      'parked-stop',
    );
  }

  /** Why the key is still parked. */
  async note(key: string, reason: string): Promise<void> {
    const values = [this.#consumer, key, storable(reason, 500)];
    await this.#database.query(
      'UPDATE parked_keys SET reason = $3 WHERE consumer = $1 AND key = $2',
      values,
      'parked-note',
    );
  }

  /** Forgets a message that has been handled. */
  async done(messageId: string): Promise<void> {
    await this.#database.query(
      'DELETE FROM parked_messages WHERE consumer = $1 AND message_id = $2',
      [this.#consumer, messageId],
      'parked-done',
    );
  }

  /**
   * Lets a key flow again if nothing waits behind it any more; answers whether it did. The row is locked first and the
   * messages are counted by a second statement, so that one which is being parked at the same moment is seen.
   */
  async release(key: string): Promise<boolean> {
    return this.#database.transaction(async (tx) => {
      await tx.query(
        'SELECT 1 FROM parked_keys WHERE consumer = $1 AND key = $2 FOR UPDATE',
        [this.#consumer, key],
        'parked-lock',
      );
      const gone = await tx.query(
        `DELETE FROM parked_keys WHERE consumer = $1 AND key = $2
           AND NOT EXISTS (SELECT 1 FROM parked_messages WHERE consumer = $1 AND key = $2) RETURNING 1`,
        [this.#consumer, key],
        'parked-release',
      );
      return gone.length > 0;
    });
  }
}

/** Postgres has no NUL in a text; only what is not JSON anyway can hold one. */
const storable = (text: string | undefined, most?: number) => text?.slice(0, most).replaceAll('\0', '\uFFFD');
