import { Injectable } from '@nestjs/common';
import type { ProductView } from '@shop/contracts';
import { Database } from '@shop/platform';

/**
 * Several products at once: one statement, however many. Not cached: the set that is asked for is hardly ever asked for
 * again.
 */
@Injectable()
export class ManyProducts {
  constructor(private readonly database: Database) {}

  /** Those that are on sale, in no order. */
  find(ids: readonly string[]): Promise<ProductView[]> {
    return this.database.query<ProductView & Record<string, unknown>>(
      'SELECT id, sku, name, description, price, currency, free AS available FROM products WHERE id = ANY($1) AND active',
      [ids],
      'products-many',
    );
  }
}
