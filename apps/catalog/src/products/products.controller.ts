import { Controller, Get, Param, Query, Res } from '@nestjs/common';
import { entityTag, Public } from '@shop/platform';
import { id, productQuery, type ProductPage, type ProductQuery, type ProductView } from '@shop/contracts';
import type { FastifyReply } from 'fastify';
import { ProductQueries, type Aged } from './products.queries.ts';

@Public()
@Controller('products')
export class ProductsController {
  constructor(private readonly products: ProductQueries) {}

  @Get()
  async list(
    @Query({ schema: productQuery }) query: ProductQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ProductPage> {
    return aged(reply, await this.products.page(query));
  }

  @Get(':id')
  async get(
    @Param('id', { schema: id }) wanted: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ProductView> {
    const { product, version } = aged(reply, await this.products.one(wanted));
    reply.header('etag', entityTag(version, product));
    return product;
  }
}

/** RFC 9111: whoever keeps it on has to know how old it already is, in seconds. */
function aged<T>(reply: FastifyReply, { value, ageMs }: Aged<T>): T {
  reply.header('age', String(Math.floor(ageMs / 1_000)));
  return value;
}
