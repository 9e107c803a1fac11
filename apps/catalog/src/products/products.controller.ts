import { Controller, Get, Param, Query, Res } from '@nestjs/common';
import { entityTag, Public } from '@shop/platform';
import { id, productQuery, type ProductPage, type ProductView } from '@shop/contracts';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { pageCursor } from './page-cursor.ts';
import { ProductQueries } from './products.queries.ts';

const byPage = productQuery.extend({ cursor: pageCursor.optional() });

@Public()
@Controller('products')
export class ProductsController {
  constructor(private readonly products: ProductQueries) {}

  @Get()
  list(@Query({ schema: byPage }) query: z.infer<typeof byPage>): Promise<ProductPage> {
    return this.products.page(query);
  }

  @Get(':id')
  async get(@Param('id', { schema: id }) wanted: string, @Res({ passthrough: true }) reply: FastifyReply): Promise<ProductView> {
    const { product, version } = await this.products.one(wanted);
    reply.header('etag', entityTag(version, product));
    return product;
  }
}
