import { randomUUIDv7 } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { Injectable } from '@nestjs/common';
import type { NewProduct, ProductPatch, ProductRecord, Restock } from '@shop/contracts';
import { bodyHashOf, once, Outbox, type Once } from '@shop/eventing';
import { DomainError } from '@shop/kernel';
import { Database, PreconditionFailed, type Transaction } from '@shop/platform';
import { changed } from './product-store.ts';

/** Who asks, and their own name for the attempt. */
export interface Asked {
  readonly principal: string;
  readonly key: string;
}

/** More than any shelf holds, and far from where the column ends. */
const MOST_STOCK = 1_000_000_000;

const record = `id, sku, name, description, price, currency, active, version,
  json_build_object('initial', initial, 'free', free, 'reserved', reserved, 'sold', sold) AS stock`;

/**
 * What the people who run the shop do to products. Each change is one transaction that holds the product's row: its
 * version counts the changes, and each is announced with it. Stock moves without a version, and nothing that is counted
 * here is lost: what comes in is free.
 */
@Injectable()
export class ProductAdministration {
  constructor(
    private readonly database: Database,
    private readonly outbox: Outbox,
  ) {}

  /** Throws `sku-taken` (conflict). The same key again gets the first answer again. */
  async create({ principal, key }: Asked, body: NewProduct): Promise<Once<ProductRecord>> {
    const attempt = { principal, key, operation: 'create-product', bodyHash: bodyHashOf(body) };
    return this.awake(
      once(this.database, attempt, async (tx) => {
        const { sku, name, description, price, currency, stock } = body;
        const [made] = await tx.query<ProductRecord>(
          `INSERT INTO products (id, sku, name, description, price, currency, initial, free) VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
         ON CONFLICT ON CONSTRAINT products_sku DO NOTHING RETURNING ${record}`,
          [randomUUIDv7(), sku, name, description, price, currency, stock],
          'product-create',
        );
        if (!made)
          throw new DomainError('conflict', 'sku-taken', 'There is a product of this sku already.', [
            { pointer: '/sku', detail: 'Taken.' },
          ]);
        await this.outbox.add(tx, [changed(made)]);
        return made;
      }),
    );
  }

  /**
   * Changes what the patch names. `ifVersions` are those its author saw: throws PreconditionFailed when somebody has
   * changed it since, and `not-found`. A patch that changes nothing is no change.
   */
  async change(id: string, patch: ProductPatch, ifVersions: readonly number[] | undefined): Promise<ProductRecord> {
    return this.awake(
      this.database.transaction(async (tx) => {
        const before = await one(tx, id, 'FOR NO KEY UPDATE');
        if (ifVersions?.includes(before.version) === false) throw new PreconditionFailed();
        const { name, description, price, active } = { ...before, ...patch };
        if (isDeepStrictEqual({ ...before, ...patch }, before)) return before;
        const [after] = await tx.query<ProductRecord>(
          `UPDATE products SET name = $2, description = $3, price = $4, active = $5, version = version + 1 WHERE id = $1 RETURNING ${record}`,
          [id, name, description, price, active],
          'product-change',
        );
        if (!after) throw new Error(`product ${id} is gone while its row is locked`);
        await this.outbox.add(tx, [changed(after)]);
        return after;
      }),
    );
  }

  /**
   * A delivery came in. Said again under the same key it is the same delivery. Throws `not-found`, and
   * `stock-too-large` (conflict).
   */
  async restock(id: string, { principal, key }: Asked, body: Restock): Promise<Once<ProductRecord>> {
    const attempt = { principal, key, operation: `restock ${id}`, bodyHash: bodyHashOf(body) };
    return once(this.database, attempt, async (tx) => {
      const [after] = await tx.query<ProductRecord>(
        `UPDATE products SET initial = initial + $2, free = free + $2 WHERE id = $1 AND initial <= ${MOST_STOCK} - $2 RETURNING ${record}`,
        [id, body.quantity],
        'product-restock',
      );
      if (after) return after;
      await one(tx, id);
      throw new DomainError('conflict', 'stock-too-large', `There cannot be more than ${MOST_STOCK} of a product.`);
    });
  }

  /** A product on sale or not, with its stock. Throws `not-found`. */
  get(id: string): Promise<ProductRecord> {
    return one(this.database, id);
  }

  private async awake<T>(work: Promise<T>): Promise<T> {
    const done = await work;
    this.outbox.wake();
    return done;
  }
}

async function one(tx: Transaction, id: string, lock: '' | 'FOR NO KEY UPDATE' = ''): Promise<ProductRecord> {
  const [found] = await tx.query<ProductRecord>(
    `SELECT ${record} FROM products WHERE id = $1 ${lock}`,
    [id],
    lock ? 'product-lock' : 'product-record',
  );
  if (!found) throw new DomainError('not-found', 'product-not-found', 'There is no such product.');
  return found;
}
