import { Injectable } from '@nestjs/common';
import { productChanged, type NewProduct, type ProductRecord } from '@shop/contracts';
import { event, Outbox, type Outgoing } from '@shop/eventing';
import { Database } from '@shop/platform';

/** As much of a product as is announced. */
export type Announced = Pick<ProductRecord, 'id' | 'name' | 'price' | 'currency' | 'active' | 'version'>;

/** The whole product as it now is, for its other readers: orders prices by its own copy of these announcements. */
export const changed = (
  { id, version, name, price, currency, active }: Announced,
  more: { snapshot?: true } = {},
): Outgoing =>
  event(productChanged, {
    key: id,
    sequence: version,
    data: { productId: id, name, price, currency, active, ...more },
  });

/** Products as a shop is filled with them. Every change is announced in the transaction that makes it. */
@Injectable()
export class ProductStore {
  constructor(
    private readonly database: Database,
    private readonly outbox: Outbox,
  ) {}

  /**
   * Adds the products that are not there yet and leaves the others as they are; answers how many were added. Rows are
   * taken in id order, so that two writers of the same products wait for each other instead of for ever.
   */
  async add(products: readonly (NewProduct & { id: string })[]): Promise<number> {
    const added = await this.database.transaction(async (tx) => {
      const rows = await tx.query<Announced>(
        `INSERT INTO products (id, sku, name, description, price, currency, initial, free)
         SELECT id, sku, name, description, price, currency, stock, stock
         FROM json_to_recordset($1) AS p(id uuid, sku text, name text, description text, price int, currency text, stock int)
         ORDER BY id
         ON CONFLICT DO NOTHING
         RETURNING id, name, price, currency, active, version`,
        [JSON.stringify(products)],
      );
      await this.outbox.add(
        tx,
        rows.map((row) => changed(row)),
      );
      return rows.length;
    });
    this.outbox.wake();
    return added;
  }
}
