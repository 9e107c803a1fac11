import type { Database } from '@shop/platform';
import { books } from './books.ts';
import type { Wish } from './service.ts';

/** Orders as they are without events. */
export const tables = `CREATE TABLE plain_orders (id uuid PRIMARY KEY, status text NOT NULL DEFAULT 'placed');`;

class Refused extends Error {}

/**
 * The same steps as a program: one after the other, and what was done is given back in a catch. It forgets nothing as
 * long as it lives: each step is a transaction, each way out gives back both. Asked again after it died, it finds the
 * order and answers.
 */
export class TryCatch {
  readonly #database: Database;
  readonly #passed: (what: string, orderId: string) => void;

  constructor(database: Database, passed: (what: string, orderId: string) => void) {
    this.#database = database;
    this.#passed = passed;
  }

  async place({ orderId, line, paymentToken }: Wish): Promise<void> {
    const isNew = await this.#database.query(
      'INSERT INTO plain_orders (id) VALUES ($1) ON CONFLICT DO NOTHING RETURNING 1',
      [orderId],
    );
    if (isNew.length === 0) return;
    try {
      if ((await this.#database.transaction((tx) => books.reserve(tx, orderId, line))) !== 'reserved')
        throw new Refused();
      this.#passed('reserved', orderId);
      if ((await this.#database.transaction((tx) => books.authorise(tx, orderId, paymentToken))) !== 'held')
        throw new Refused();
      this.#passed('authorised', orderId);
      await this.#become('confirmed', orderId);
      await this.#database.transaction((tx) => books.commit(tx, orderId));
      await this.#database.transaction((tx) => books.take(tx, orderId));
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      await this.#giveBack(orderId);
    }
  }

  /** One that is on its way to its end has it; one that was forgotten on the way is given back after all. */
  async cancel(orderId: string): Promise<void> {
    const [open] = await this.#database.query(`SELECT 1 FROM plain_orders WHERE id = $1 AND status = 'placed'`, [
      orderId,
    ]);
    if (open) await this.#giveBack(orderId);
  }

  async #giveBack(orderId: string): Promise<void> {
    await this.#become('cancelled', orderId);
    await this.#database.transaction((tx) => books.release(tx, orderId));
    await this.#database.transaction((tx) => books.letGo(tx, orderId));
  }

  #become(status: 'confirmed' | 'cancelled', orderId: string): Promise<unknown> {
    return this.#database.query('UPDATE plain_orders SET status = $2 WHERE id = $1', [orderId, status]);
  }
}
