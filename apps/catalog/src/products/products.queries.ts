import { Injectable } from '@nestjs/common';
import { PrismaPg } from '@prisma/adapter-pg';
import type { ProductPage, ProductView } from '@shop/contracts';
import { DomainError } from '@shop/kernel';
import { Database, failsLikeDatabase } from '@shop/platform';
import { PrismaClient } from '../generated/prisma/client.ts';
import { toCursor, type ProductPosition } from './page-cursor.ts';
import { ProductCache } from './product-cache.ts';

/** What a product is to its readers; what is not selected here does not leave the database. */
const view = { id: true, sku: true, name: true, description: true, price: true, currency: true, free: true } as const;
type Row = Omit<ProductView, 'available'> & { free: number };

const toView = ({ free, ...row }: Row): ProductView => ({ ...row, available: free });

/**
 * Product reads, cached for about two seconds: `available` may be that old, and an order is decided by the reservation, not by it.
 * Plain CRUD by Prisma Client, on the service's one bounded pool.
 */
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
  page({ limit, cursor }: { limit: number; cursor?: ProductPosition | undefined }): Promise<ProductPage> {
    return this.cache.through(`page:${limit}:${cursor ? toCursor(cursor) : ''}`, async () => {
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
    });
  }

  /** One product on sale, with its version. Throws not-found for any other. */
  one(id: string): Promise<{ product: ProductView; version: number }> {
    return this.cache.through(`versioned:${id}`, async () => {
      const row = await this.prisma.product.findFirst({ select: { ...view, version: true }, where: { id, active: true } });
      if (!row) throw new DomainError('not-found', 'product-not-found', 'There is no such product.');
      const { version, ...rest } = row;
      return { product: toView(rest), version };
    });
  }
}

const openPrisma = ({ pool }: Database) => new PrismaClient({ adapter: new PrismaPg(pool), errorFormat: 'minimal' }).$extends(failsLikeDatabase);
