import { randomUUIDv7 } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { announceProducts, copyBuckets, productsSummary, type MessageOf } from '@shop/contracts';
import {
  Consumer,
  copySummary,
  differing,
  event,
  judge,
  MessagingMetrics,
  on,
  Outbox,
  type CopyPatience,
  type Effect,
} from '@shop/eventing';
import { Database, Health, Logger, Recurring, type Transaction } from '@shop/platform';

const columns = ['version', 'name', 'price', 'currency', 'active'] as const;
const all = Array.from({ length: copyBuckets }, (_, bucket) => bucket);

/**
 * Losses of several partitions come at once: one question is asked for all of them, and another by the next summary,
 * since it has to be newer than the last.
 */
const ONE_BURST_MS = 10_000;

interface Row {
  lost: string | null;
  /** Ids of the questions that are open, oldest first, parted by blanks. */
  asked: string | null;
  askedAgoMs: number | null;
  comparedAgoMs: number | null;
  differing: number[];
}

/**
 * Whether orders' copy of the products is whole. Catalog says every half minute what a whole one is like; what differs
 * twice in a row is asked for again. A copy whose place on the topic was lost is not served from until catalog has
 * answered a question that was asked since, and nothing differs.
 */
@Injectable()
export class ProductCopy extends Recurring {
  protected readonly patience: CopyPatience = { answerMs: 120_000, apartMs: 10_000 };
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

  /**
   * The place on the topic was lost: what came in between is missing, for all that is known. No question from before
   * proves anything any more.
   */
  async lose(why: string): Promise<void> {
    await this.database.transaction(async (tx) => {
      const [row] = await tx.query<{ burst: boolean }>(
        `SELECT lost IS NOT NULL AND asked_at IS NOT NULL AND asked_at > clock_timestamp() - $1 * interval '1 millisecond' AS burst FROM copies WHERE name = 'products' FOR UPDATE`,
        [ONE_BURST_MS],
        'copy-lost',
      );
      await tx.query(`UPDATE copies SET lost = $1, asked = NULL WHERE name = 'products'`, [why]);
      if (row?.burst === false) await this.ask(tx, [], all);
    });
    this.outbox.wake();
    this.#lost = why;
  }

  /**
   * Compares the copy with what catalog says, in the transaction of its message, and asks for what has to be asked for.
   */
  async compare(tx: Transaction, { data: { buckets }, causationid }: MessageOf<typeof productsSummary>): Promise<void> {
    const ago = (column: string) => `(extract(epoch FROM clock_timestamp() - ${column}) * 1000)::float8`;
    const [row] = await tx.query<Row>(
      `SELECT lost, asked, ${ago('asked_at')} AS "askedAgoMs", ${ago('compared_at')} AS "comparedAgoMs", differing FROM copies WHERE name = 'products' FOR UPDATE`,
      [],
      'copy-lock',
    );
    if (!row) return;
    const differ = differing(buckets, await copySummary(tx, 'products', columns));
    const { counts, whole, asked, ask } = judge(
      {
        lost: row.lost !== null,
        asked: row.asked?.split(' ') ?? [],
        askedAgoMs: row.askedAgoMs ?? undefined,
        comparedAgoMs: row.comparedAgoMs ?? undefined,
        differing: row.differing,
      },
      { differ, rows: buckets.reduce((sum, { rows }) => sum + rows, 0), answers: causationid },
      this.patience,
    );
    if (!counts) return;
    await tx.query(
      `UPDATE copies SET differing = $1, compared_at = clock_timestamp(), lost = CASE WHEN $2 THEN NULL ELSE lost END, asked = $3 WHERE name = 'products'`,
      [differ, whole, asked.length > 0 ? asked.join(' ') : null],
      'copy-compared',
    );
    if (ask.length > 0) await this.ask(tx, asked, ask);
  }

  /** Has catalog announce these again, and says under which id, beside the questions that are open. */
  private async ask(tx: Transaction, open: readonly string[], buckets: readonly number[]): Promise<void> {
    const again = { id: randomUUIDv7(), time: new Date().toISOString() };
    await tx.query(
      `UPDATE copies SET asked = $1, asked_at = clock_timestamp() WHERE name = 'products'`,
      [[...open, again.id].join(' ')],
      'copy-asked',
    );
    const question = event(announceProducts, {
      key: 'products',
      data: { copy: 'products', consumer: 'orders.prices', buckets: [...buckets] },
    });
    await this.outbox.add(tx, [{ ...question, again }]);
    this.log.error({ buckets: buckets.length }, 'the copy of the products is not as catalog says: asking for it again');
  }

  /** What any instance has found out is so for all of them. */
  protected override async look(): Promise<void> {
    const [row] = await this.database.query<Pick<Row, 'lost' | 'differing'>>(
      `SELECT lost, differing FROM copies WHERE name = 'products'`,
      [],
      'copy-look',
    );
    if (row && row.lost === null && this.#lost !== undefined)
      this.log.info({}, 'the copy of the products is whole again');
    this.#lost = row?.lost ?? undefined;
    this.metrics.copy('products', { differing: row?.differing.length ?? 0, lost: this.#lost !== undefined });
  }
}

/** Hears what catalog says a copy should be like. */
@Injectable()
export class ProductCopyConsumer extends Consumer {
  readonly name = 'orders.copies';
  readonly handlers = [
    on(productsSummary, (summary, effect: Effect) => effect.transaction((tx) => this.copy.compare(tx, summary))),
  ];

  constructor(private readonly copy: ProductCopy) {
    super();
  }
}
