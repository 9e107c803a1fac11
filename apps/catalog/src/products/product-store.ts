import { Injectable } from '@nestjs/common';
import { productChanged } from '@shop/contracts';
import { event, Outbox } from '@shop/eventing';
import { Database } from '@shop/platform';

/** A product that is to be sold, and how many of it there are. */
export interface NewProduct {
  readonly id: string;
  readonly sku: string;
  readonly name: string;
  readonly description: string;
  /** Integer minor units. */
  readonly price: number;
  readonly currency: string;
  readonly stock: number;
}

type Added = { id: string; name: string; price: number; currency: string; active: boolean; version: number };

/** Product writes. Every change is announced in the transaction that makes it: orders prices by its own copy of these announcements. */
@Injectable()
export class ProductStore {
  constructor(
    private readonly database: Database,
    private readonly outbox: Outbox,
  ) {}

  /**
   * Adds the products that are not there yet and leaves the others as they are; answers how many were added. Rows are taken in id order,
   * so that two writers of the same products wait for each other instead of for ever.
   */
  async add(products: readonly NewProduct[]): Promise<number> {
    const added = await this.database.transaction(async (tx) => {
      const rows = await tx.query<Added>(
        `INSERT INTO products (id, sku, name, description, price, currency, initial, free)
         SELECT id, sku, name, description, price, currency, stock, stock
         FROM json_to_recordset($1) AS p(id uuid, sku text, name text, description text, price int, currency text, stock int)
         ORDER BY id
         ON CONFLICT DO NOTHING
         RETURNING id, name, price, currency, active, version`,
        [JSON.stringify(products)],
      );
      const changes = rows.map(({ id, version, ...rest }) => event(productChanged, { key: id, sequence: version, data: { productId: id, ...rest } }));
      await this.outbox.add(tx, changes);
      return rows.length;
    });
    this.outbox.wake();
    return added;
  }
}
