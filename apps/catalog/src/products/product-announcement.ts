import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { bucketOf, Outbox } from '@shop/eventing';
import { Database } from '@shop/platform';
import { changed, type Announced } from './product-store.ts';

/**
 * Products of one transaction, whose rows are locked meanwhile, and the pause after it, in ms: a thousand a second,
 * beside whatever else is done.
 */
const BATCH = 100;
const PAUSE_MS = 100;

/**
 * Announces products again as they are, for readers whose copy is not whole. While others change them: each batch holds
 * the locks of its rows, in the order of ids as everybody takes them, when it leaves its messages, so that a snapshot
 * is never behind a change that it does not know of; and no reader puts an older version over a newer one.
 */
@Injectable()
export class ProductAnnouncement {
  constructor(
    private readonly database: Database,
    private readonly outbox: Outbox,
  ) {}

  /**
   * All, or those of some buckets. Answers how many. Cut short by `signal`, it has to be asked for again: nothing is
   * remembered, and nothing harmed.
   */
  async run({
    buckets,
    signal,
  }: {
    buckets?: readonly number[];
    signal?: AbortSignal | undefined;
  } = {}): Promise<number> {
    let [announced, after] = [0, '00000000-0000-0000-0000-000000000000'];
    for (;;) {
      signal?.throwIfAborted();
      const ids = await this.batch(after, buckets);
      if (ids.length > 0) this.outbox.wake();
      announced += ids.length;
      if (ids.length < BATCH) return announced;
      after = ids.at(-1)!;
      await sleep(PAUSE_MS, undefined, { signal }).catch(() => {});
    }
  }

  private batch(after: string, buckets: readonly number[] | undefined): Promise<string[]> {
    return this.database.transaction(async (tx) => {
      const rows = await tx.query<Announced>(
        `SELECT id, name, price, currency, active, version FROM products
         WHERE id > $1 AND ($2::int[] IS NULL OR ${bucketOf} = ANY ($2)) ORDER BY id LIMIT ${BATCH} FOR NO KEY UPDATE`,
        [after, buckets],
        'products-announce',
      );
      await this.outbox.add(
        tx,
        rows.map((row) => changed(row, { snapshot: true })),
      );
      return rows.map(({ id }) => id);
    });
  }
}
