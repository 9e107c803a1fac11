import { Injectable } from '@nestjs/common';
import { PrismaPg } from '@prisma/adapter-pg';
import { price, productName, type ProductPage, type ProductQuery, type ProductView } from '@shop/contracts';
import { DomainError } from '@shop/kernel';
import {
  Conditions,
  Cursors,
  Database,
  failsLikeDatabase,
  keysetPage,
  sortOf,
  type Position,
  type Reading,
} from '@shop/platform';
import { PrismaClient } from '../generated/prisma/client.ts';
import { ProductCache, tags } from './product-cache.ts';

/** What a product is to its readers; what is not selected here does not leave the database. */
const view = { id: true, sku: true, name: true, description: true, price: true, currency: true, free: true } as const;
type Row = Omit<ProductView, 'available'> & { free: number };

const toView = ({ free, ...row }: Row): ProductView => ({ ...row, available: free });

/** What products may be sorted by, each with an index (migrations/0004, 0005), and what a cursor then carries. */
const sorts = { name: productName, price };
/** Behind every name that begins alike: no name contains it, because it is no character. */
const LAST = '\u{10ffff}';

/** What was read, and how old it is. */
export interface Aged<T> {
  readonly value: T;
  readonly ageMs: number;
}

/**
 * Product reads, through the cache, on the service's one bounded pool: plain CRUD by Prisma Client, except for pages,
 * whose comparison of rows Prisma cannot say (docs/adr/0017).
 */
@Injectable()
export class ProductQueries {
  private readonly prisma: ReturnType<typeof openPrisma>;
  private readonly cursors = new Cursors('products');

  constructor(
    private readonly database: Database,
    private readonly cache: ProductCache,
  ) {
    this.prisma = openPrisma(database);
  }

  /** Products on sale, as many as asked for, after the cursor. */
  async page(query: ProductQuery): Promise<Aged<ProductPage>> {
    const after = this.cursors.position(query, sorts[sortOf(query.sort).field]);
    return found(
      await this.cache.read({
        key: `page:${JSON.stringify(query)}`,
        tags: [tags.pages],
        load: () => this.loadPage(query, after),
      }),
    );
  }

  /** One product on sale, with its version. Throws not-found for any other. */
  async one(id: string): Promise<Aged<{ product: ProductView; version: number }>> {
    return found(await this.cache.read({ key: `one:${id}`, tags: [tags.product(id)], load: () => this.loadOne(id) }));
  }

  private async loadPage(query: ProductQuery, after: Position | undefined): Promise<ProductPage> {
    const { field: column, descending } = sortOf(query.sort);
    const page = keysetPage({
      select: `SELECT ${Object.keys(view).join(', ')} FROM products`,
      where: wanted(query),
      column,
      descending,
      after,
      limit: query.limit,
    });
    const rows = await this.database.query<Row>(page.text, page.values);
    const items = rows.slice(0, query.limit).map(toView);
    const last = rows.length > query.limit ? items.at(-1) : undefined;
    return { items, ...(last && { nextCursor: this.cursors.after(query, { id: last.id, key: last[column] }) }) };
  }

  private async loadOne(id: string): Promise<{ product: ProductView; version: number } | undefined> {
    const row = await this.prisma.product.findFirst({
      select: { ...view, version: true },
      where: { id, active: true },
    });
    if (!row) return undefined;
    const { version, ...rest } = row;
    return { product: toView(rest), version };
  }
}

function wanted(query: ProductQuery): Conditions {
  const name = query['filter[name]'];
  const inStock = query['filter[inStock]'];
  const where = new Conditions()
    .and('active')
    .and('name >= ? AND name < ?', name, name && name + LAST)
    .and('sku = ?', query['filter[sku]'])
    .and('price >= ?', query['filter[price][gte]'])
    .and('price <= ?', query['filter[price][lte]']);
  return inStock === undefined ? where : where.and(inStock === 'true' ? 'free > 0' : 'free = 0');
}

function found<T>({ value, ageMs }: Reading<T>): Aged<T> {
  if (value === undefined) throw new DomainError('not-found', 'product-not-found', 'There is no such product.');
  return { value, ageMs };
}

const openPrisma = ({ pool }: Database) =>
  new PrismaClient({ adapter: new PrismaPg(pool), errorFormat: 'minimal' }).$extends(failsLikeDatabase);
