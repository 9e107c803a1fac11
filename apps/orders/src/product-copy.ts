import { randomUUIDv7 } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { announceProducts, copyBuckets, productsSummary, type MessageOf } from '@shop/contracts';
import { Consumer, copySummary, differing, event, MessagingMetrics, on, Outbox, type Effect } from '@shop/eventing';
import { Database, Health, Logger, Recurring, type Transaction } from '@shop/platform';

const columns = ['version', 'name', 'price', 'currency', 'active'] as const;
const all = Array.from({ length: copyBuckets }, (_, bucket) => bucket);

interface Row {
  lost: string | null;
  asked: string | null;
  /** Whether an answer may still come. */
  waits: boolean;
  differing: number[];
}

/**
 * Whether orders' copy of the products is whole. Catalog says every half minute what a whole one is like; what differs twice in a row is asked for again. A
 * copy whose place on the topic was lost is not served from until catalog has answered the question that was asked because of it, and nothing differs.
 */
@Injectable()
export class ProductCopy extends Recurring {
  /** How long an answer may take, in ms, before the question counts as lost: as long as it takes to announce everything. */
  protected readonly askAgainAfterMs: number = 120_000;
  #lost: string | undefined;

  constructor(
    private readonly database: Database,
    private readonly outbox: Outbox,
    private readonly metrics: MessagingMetrics,
    private readonly log: Logger,
    health: Health,
  ) {
    super({ what: 'copy of the products', everyMs: 1_000, log });
    health.ready('copy of the products', () => this.#lost);
  }

  /** The place on the topic was lost: what came in between is missing, for all that is known. */
  async lose(why: string): Promise<void> {
    await this.database.transaction(async (tx) => {
      await tx.query(`UPDATE copies SET lost = $1 WHERE name = 'products'`, [why]);
      await this.ask(tx, all);
    });
    this.outbox.wake();
    this.#lost = why;
  }

  /** Compares the copy with what catalog says, in the transaction of its message, and asks for what has to be asked for. */
  async compare(tx: Transaction, { data: { buckets }, causationid }: MessageOf<typeof productsSummary>): Promise<void> {
    const [row] = await tx.query<Row>(
      `SELECT lost, asked, asked IS NOT NULL AND asked_at > clock_timestamp() - $1 * interval '1 millisecond' AS waits, differing
       FROM copies WHERE name = 'products' FOR UPDATE`,
      [this.askAgainAfterMs],
      'copy-lock',
    );
    if (!row) return;
    const differ = differing(buckets, await copySummary(tx, 'products', columns));
    const answered = row.asked !== null && causationid === row.asked;
    const whole = differ.length === 0 && (row.lost === null || answered);
    await tx.query(
      `UPDATE copies SET differing = $1, compared_at = clock_timestamp(), lost = CASE WHEN $2 THEN NULL ELSE lost END, asked = CASE WHEN $3 THEN NULL ELSE asked END
       WHERE name = 'products'`,
      [differ, whole, answered],
      'copy-compared',
    );
    if (whole || (row.waits && !answered)) return;
    const wanted = row.lost === null ? differ.filter((bucket) => row.differing.includes(bucket)) : differ;
    if (wanted.length > 0 || row.lost !== null) await this.ask(tx, wanted.length > 0 ? wanted : all);
  }

  /** Has catalog announce these again, and says under which id. */
  private async ask(tx: Transaction, buckets: readonly number[]): Promise<void> {
    const again = { id: randomUUIDv7(), time: new Date().toISOString() };
    await tx.query(`UPDATE copies SET asked = $1, asked_at = clock_timestamp() WHERE name = 'products'`, [again.id], 'copy-asked');
    const question = event(announceProducts, { key: 'products', data: { copy: 'products', consumer: 'orders.prices', buckets: [...buckets] } });
    await this.outbox.add(tx, [{ ...question, again }]);
    this.log.error({ buckets: buckets.length }, 'the copy of the products is not as catalog says: asking for it again');
  }

  /** What any instance has found out is so for all of them. */
  protected override async look(): Promise<void> {
    const [row] = await this.database.query<Pick<Row, 'lost' | 'differing'>>(`SELECT lost, differing FROM copies WHERE name = 'products'`, [], 'copy-look');
    if (row && row.lost === null && this.#lost !== undefined) this.log.info({}, 'the copy of the products is whole again');
    this.#lost = row?.lost ?? undefined;
    this.metrics.copy('products', { differing: row?.differing.length ?? 0, lost: this.#lost !== undefined });
  }
}

/** Hears what catalog says a copy should be like. */
@Injectable()
export class ProductCopyConsumer extends Consumer {
  readonly name = 'orders.copies';
  readonly handlers = [on(productsSummary, (summary, effect: Effect) => effect.transaction((tx) => this.copy.compare(tx, summary)))];

  constructor(private readonly copy: ProductCopy) {
    super();
  }
}
