import type { CloudEvent } from '@shop/contracts';
import type { Database, Transaction } from '@shop/platform';
import { AlreadyHandled, claim, KeyParked, type InboxRow } from './claims.ts';
import type { Outgoing } from './outgoing.ts';
import type { Outbox } from './outbox.ts';
import type { Together } from './together.ts';

/**
 * What one message is allowed to change, once. Either `transaction`, which opens one and writes the inbox row first; or
 * `inbox`, for an effect that is a single statement (the event store's append) and writes the row itself.
 */
export class Effect {
  readonly inbox: InboxRow;
  readonly message: CloudEvent;
  readonly #database: Database;
  readonly #outbox: Outbox;

  readonly #together: Together | undefined;

  /** `together`: whose transactions it may share. */
  constructor(database: Database, outbox: Outbox, message: CloudEvent, inbox: InboxRow, together?: Together) {
    this.#database = database;
    this.#together = together;
    this.#outbox = outbox;
    this.message = message;
    this.inbox = inbox;
  }

  /**
   * Runs `work` in a transaction whose first statement is the inbox row. Throws AlreadyHandled or KeyParked, which the
   * runtime understands; whatever `work` throws rolls everything back.
   */
  async transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    const result = await (this.#together?.run(this.inbox, work) ?? this.#alone(work));
    this.#outbox.wake();
    return result;
  }

  /**
   * For a handler that acts outside before it has its effect: throws AlreadyHandled or KeyParked as `transaction`
   * would, so that nothing is asked of others for a message whose turn has not come. Only a look: what decides is still
   * the transaction.
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

  #alone<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.#database.transaction(async (tx) => {
      const [refused] = await claim(tx, [this.inbox]);
      if (refused) throw refused;
      return work(tx);
    });
  }
}
