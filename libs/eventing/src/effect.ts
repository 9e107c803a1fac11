import type { CloudEvent, ConsumerName } from '@shop/contracts';
import type { Database, Transaction } from '@shop/platform';
import type { Outgoing } from './outgoing.ts';
import type { Outbox } from './outbox.ts';

/** The effect of this message is in the database already. */
export class AlreadyHandled extends Error {
  override readonly name = 'AlreadyHandled';
}

/** An earlier message of the same key is parked: this one has to wait behind it. */
export class KeyParked extends Error {
  override readonly name = 'KeyParked';
}

/** The row that makes an effect happen once, to be written by the statement that has the effect. */
export interface InboxRow {
  readonly consumer: ConsumerName;
  readonly messageId: string;
  /** The key whose parking forbids the effect; absent when a parked key itself is being worked off. */
  readonly unlessParked?: string;
}

/**
 * What one message is allowed to change, once. Either `transaction`, which opens one and writes the inbox row first; or `inbox`, for an
 * effect that is a single statement (the event store's append) and writes the row itself.
 */
export class Effect {
  readonly inbox: InboxRow;
  readonly message: CloudEvent;
  readonly #database: Database;
  readonly #outbox: Outbox;

  constructor(database: Database, outbox: Outbox, message: CloudEvent, inbox: InboxRow) {
    this.#database = database;
    this.#outbox = outbox;
    this.message = message;
    this.inbox = inbox;
  }

  /**
   * Runs `work` in a transaction whose first statement is the inbox row. Throws AlreadyHandled or KeyParked, which the runtime
   * understands; whatever `work` throws rolls everything back.
   */
  async transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    const result = await this.#database.transaction(async (tx) => {
      await this.#claim(tx);
      return work(tx);
    });
    this.#outbox.wake();
    return result;
  }

  /**
   * For a handler that acts outside before it has its effect: throws AlreadyHandled or KeyParked as `transaction` would, so that nothing is
   * asked of others for a message whose turn has not come. Only a look: what decides is still the transaction.
   */
  async beforeActingOutside(): Promise<void> {
    const { consumer, messageId, unlessParked } = this.inbox;
    const [row] = await this.#database.query<{ handled: boolean; parked: boolean }>(
      `SELECT EXISTS (SELECT 1 FROM inbox WHERE consumer = $1 AND message_id = $2) AS handled,
              EXISTS (SELECT 1 FROM parked_keys WHERE consumer = $1 AND key = $3) AS parked`,
      [consumer, messageId, unlessParked],
      'inbox-look',
    );
    if (row?.handled) throw new AlreadyHandled();
    if (row?.parked) throw new KeyParked();
  }

  /** Leaves messages in the outbox, caused by this one. The caller holds the row locks of their keys. */
  publish(tx: Transaction, messages: readonly Outgoing[]): Promise<void> {
    return this.#outbox.add(tx, messages, this.message.id);
  }

  async #claim(tx: Transaction): Promise<void> {
    const { consumer, messageId, unlessParked } = this.inbox;
    const [row] = await tx.query<{ claimed: boolean; parked: boolean }>(
      `WITH parked AS (SELECT 1 FROM parked_keys WHERE consumer = $1 AND key = $3),
            claimed AS (
              INSERT INTO inbox (consumer, message_id) SELECT $1, $2 WHERE NOT EXISTS (SELECT 1 FROM parked)
              ON CONFLICT ON CONSTRAINT inbox_pkey DO NOTHING RETURNING 1)
       SELECT EXISTS (SELECT 1 FROM claimed) AS claimed, EXISTS (SELECT 1 FROM parked) AS parked`,
      // Without a key nothing matches: a key is never null.
      [consumer, messageId, unlessParked],
      'inbox-claim',
    );
    if (row?.claimed) return;
    throw row?.parked ? new KeyParked() : new AlreadyHandled();
  }
}
