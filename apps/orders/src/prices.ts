import { Injectable } from '@nestjs/common';
import { productChanged, type MessageOf } from '@shop/contracts';
import { Consumer, on, type Effect } from '@shop/eventing';
import { Database } from '@shop/platform';
import type { PricedProduct } from './domain/order.ts';

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

/** Keeps the copy: the whole product as it now is, never an older version over a newer one. */
@Injectable()
export class PricesConsumer extends Consumer {
  readonly name = 'orders.prices';
  readonly handlers = [on(productChanged, (message, effect) => this.store(message, effect))];

  private store({ data, sequence }: MessageOf<typeof productChanged>, effect: Effect): Promise<unknown> {
    return effect.transaction((tx) =>
      tx.query(
        `INSERT INTO products (id, name, price, currency, active, version) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, price = excluded.price, currency = excluded.currency,
           active = excluded.active, version = excluded.version
         WHERE products.version < excluded.version`,
        [data.productId, data.name, data.price, data.currency, data.active, Number(sequence)],
        'price-store',
      ),
    );
  }
}
