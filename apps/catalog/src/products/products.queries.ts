import { Injectable } from '@nestjs/common';
import { PrismaPg } from '@prisma/adapter-pg';
import type { ProductPage, ProductView } from '@shop/contracts';
import { DomainError } from '@shop/kernel';
import { Database, failsLikeDatabase, type Reading } from '@shop/platform';
import { PrismaClient } from '../generated/prisma/client.ts';
import { toCursor, type ProductPosition } from './page-cursor.ts';
import { ProductCache, tags } from './product-cache.ts';

/** What a product is to its readers; what is not selected here does not leave the database. */
const view = { id: true, sku: true, name: true, description: true, price: true, currency: true, free: true } as const;
type Row = Omit<ProductView, 'available'> & { free: number };

const toView = ({ free, ...row }: Row): ProductView => ({ ...row, available: free });

/** What was read, and how old it is. */
export interface Aged<T> {
  readonly value: T;
  readonly ageMs: number;
}

/** Product reads, through the cache. Plain CRUD by Prisma Client, on the service's one bounded pool. */
@Injectable()
export class ProductQueries {
  private readonly prisma: ReturnType<typeof openPrisma>;

  constructor(
    database: Database,
    private readonly cache: ProductCache,
  ) {
    this.prisma = openPrisma(database);
  }

  /** Products on sale by name, `limit` of them after a position. */
  async page(wanted: { limit: number; cursor?: ProductPosition | undefined }): Promise<Aged<ProductPage>> {
    const key = `page:${wanted.limit}:${wanted.cursor ? toCursor(wanted.cursor) : ''}`;
    return found(await this.cache.read({ key, tags: [tags.pages], load: () => this.loadPage(wanted) }));
  }

  /** One product on sale, with its version. Throws not-found for any other. */
  async one(id: string): Promise<Aged<{ product: ProductView; version: number }>> {
    return found(await this.cache.read({ key: `one:${id}`, tags: [tags.product(id)], load: () => this.loadOne(id) }));
  }

  private async loadPage({ limit, cursor }: { limit: number; cursor?: ProductPosition | undefined }): Promise<ProductPage> {
    const rows = await this.prisma.product.findMany({
      select: view,
      // `name >=` is implied by the rest, but lets the index start where the page starts instead of at the first product.
      where: { active: true, ...(cursor && { name: { gte: cursor.name }, OR: [{ name: { gt: cursor.name } }, { id: { gt: cursor.id } }] }) },
      orderBy: [{ name: 'asc' }, { id: 'asc' }],
      take: limit + 1,
    });
    const items = rows.slice(0, limit).map(toView);
    const last = rows.length > limit ? items.at(-1) : undefined;
    return { items, ...(last && { nextCursor: toCursor(last) }) };
  }

  private async loadOne(id: string): Promise<{ product: ProductView; version: number } | undefined> {
    const row = await this.prisma.product.findFirst({ select: { ...view, version: true }, where: { id, active: true } });
    if (!row) return undefined;
    const { version, ...rest } = row;
    return { product: toView(rest), version };
  }
}

function found<T>({ value, ageMs }: Reading<T>): Aged<T> {
  if (value === undefined) throw new DomainError('not-found', 'product-not-found', 'There is no such product.');
  return { value, ageMs };
}

const openPrisma = ({ pool }: Database) => new PrismaClient({ adapter: new PrismaPg(pool), errorFormat: 'minimal' }).$extends(failsLikeDatabase);
