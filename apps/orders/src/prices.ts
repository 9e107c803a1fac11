import { Injectable } from '@nestjs/common';
import { productChanged, type MessageOf } from '@shop/contracts';
import { Consumer, MessagingMetrics, on, type Effect, type Lost } from '@shop/eventing';
import { Database, Logger } from '@shop/platform';
import type { PricedProduct } from './domain/order.ts';
import { ProductCopy } from './product-copy.ts';

/** What may be ordered and for how much, from orders' own copy of the catalog. */
@Injectable()
export class Prices {
  constructor(private readonly database: Database) {}

  /** The products among `ids` that are for sale. */
  async of(ids: readonly string[]): Promise<Map<string, PricedProduct>> {
    const rows = await this.database.query<{ id: string; name: string; price: string; currency: string }>(
      'SELECT id, name, price, currency FROM products WHERE id = ANY($1) AND active',
      [ids],
      'prices-of',
    );
    return new Map(rows.map((row) => [row.id, { ...row, price: Number(row.price) }]));
  }
}

/**
 * Keeps the copy: the whole product as it now is, never an older version over a newer one. That is what makes reading
 * the topic again harmless, also long after the inbox has forgotten. A snapshot that changes something tells what was
 * lost before, which must not be.
 */
@Injectable()
export class PricesConsumer extends Consumer {
  readonly name = 'orders.prices';
  readonly handlers = [on(productChanged, (message, effect) => this.store(message, effect))];

  constructor(
    private readonly copy: ProductCopy,
    private readonly metrics: MessagingMetrics,
    private readonly log: Logger,
  ) {
    super();
  }

  override lost({ topic, partition, messages, why }: Lost): Promise<void> {
    return this.copy.lose(
      `${messages ?? 'some'} messages of ${topic}:${partition} were gone before they were read (${why}): catalog is asked for all products again`,
    );
  }

  private async store({ data, sequence }: MessageOf<typeof productChanged>, effect: Effect): Promise<void> {
    const stored = await effect.transaction((tx) =>
      tx.query(
        `INSERT INTO products (id, name, price, currency, active, version) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, price = excluded.price, currency = excluded.currency,
           active = excluded.active, version = excluded.version
         WHERE products.version < excluded.version
           OR ($7 AND products.version = excluded.version
               AND (products.name, products.price, products.currency, products.active) IS DISTINCT FROM (excluded.name, excluded.price, excluded.currency, excluded.active))
         RETURNING 1`,
        [data.productId, data.name, data.price, data.currency, data.active, Number(sequence), data.snapshot ?? false],
        'price-store',
      ),
    );
    if (!data.snapshot || stored.length === 0) return;
    this.metrics.reemitted(this.name, 1);
    this.log.error(
      { product: data.productId, version: sequence },
      'a product in the copy was not as catalog has it, which should not happen: mended by its snapshot',
    );
  }
}
