import { Injectable } from '@nestjs/common';
import { Database, Logger, meter, Recurring } from '@shop/platform';
import { agrees } from './domain/agreement.ts';
import { PaymentProvider } from './payment-provider.ts';
import { load } from './payment-rows.ts';

const BOOK = 'ledger';
/** Pages of one look: a long ledger is caught up with over several. */
const PAGES_AT_ONCE = 20;
/**
 * Orders looked at more closely at one look, how long a difference may be one of the moment, and how often one that
 * stays is told of.
 */
const [LOOKED_AT_ONCE, MOMENT_S, TOLD_EVERY_S] = [50, 600, 3_600];

/**
 * Compares the provider's ledger with our book, page by page as it grows: money that moved and that we do not know of,
 * or know otherwise. What differs is looked at again after ten minutes, and then is told: which of the two is right is
 * for a person to say (docs/adr/0045). One instance looks at a time.
 */
@Injectable()
export class LedgerComparison extends Recurring {
  readonly #differences = meter().createCounter('shop.books.differences', {
    unit: '{order}',
    description: 'Orders of which two books say different things',
  });

  constructor(
    private readonly database: Database,
    private readonly provider: PaymentProvider,
    private readonly log: Logger,
  ) {
    super({ what: 'comparison with the ledger', everyMs: 60_000, log });
  }

  protected override async look(): Promise<void> {
    for (let page = 0; page < PAGES_AT_ONCE && (await this.comparePage()); page++);
    const differing = await this.database.query<{ order: string }>(
      `UPDATE resting SET next_at = clock_timestamp() + $2 * interval '1 second' WHERE book = $1 AND key IN (
         SELECT key FROM resting WHERE book = $1 AND next_at <= now() ORDER BY next_at LIMIT ${LOOKED_AT_ONCE} FOR UPDATE SKIP LOCKED) RETURNING key AS order`,
      [BOOK, TOLD_EVERY_S],
    );
    for (const { order } of differing) {
      await this.lookClosely(order).catch((error: unknown) =>
        this.log.error({ err: error, order }, 'an order could not be compared with the ledger'),
      );
    }
  }

  /** Notes whose rows of the next page are not what we have; false where there is no other page yet. */
  private async comparePage(): Promise<boolean> {
    const [at] = await this.database.query<{ through: string }>(
      `INSERT INTO books_looked_through VALUES ($1, '0') ON CONFLICT ON CONSTRAINT books_looked_through_pkey DO UPDATE SET through = books_looked_through.through RETURNING through`,
      [BOOK],
    );
    const from = Number(at?.through ?? 0);
    const { entries, last } = await this.provider.ledger(from);
    if (last === undefined) return false;
    const moved = await this.database.query(
      `WITH moved AS (UPDATE books_looked_through SET through = $2 WHERE book = $1 AND through = $3 RETURNING 1),
            told AS (SELECT DISTINCT ON (key) key, status FROM unnest($4::uuid[], $5::text[]) WITH ORDINALITY AS t(key, status, place) ORDER BY key, place DESC),
            differing AS (
              SELECT key FROM told LEFT JOIN payments ON order_id = key
              WHERE payments.status IS DISTINCT FROM told.status AND NOT (payments.status = 'voided' AND told.status = 'declined'))
       INSERT INTO resting (book, key, next_at) SELECT $1, key, clock_timestamp() + $6 * interval '1 second' FROM differing, moved ON CONFLICT DO NOTHING RETURNING key`,
      [
        BOOK,
        String(last),
        String(from),
        entries.map(({ orderId }) => orderId),
        entries.map(({ status }) => status),
        MOMENT_S,
      ],
    );
    if (moved.length > 0)
      this.log.info(
        { orders: moved.length },
        'rows of the ledger are not in our book as they are there: looked at again in a while',
      );
    return true;
  }

  private async lookClosely(order: string): Promise<void> {
    const [{ state }, standing] = [await load(this.database, order), await this.provider.standing(order)];
    if (agrees(state, standing))
      return void (await this.database.query('DELETE FROM resting WHERE book = $1 AND key = $2', [BOOK, order]));
    this.#differences.add(1, { book: BOOK });
    this.log.error(
      { order, ours: state.status, theirs: standing.status },
      'the ledger of the provider says something else of an order than we do',
    );
  }
}
