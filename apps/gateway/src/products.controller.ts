import { Controller, Get, Param, Query, Res } from '@nestjs/common';
import {
  id,
  productPage,
  productQuery,
  productView,
  type ProductPage,
  type ProductQuery,
  type ProductView,
} from '@shop/contracts';
import { DomainError } from '@shop/kernel';
import { Public } from '@shop/platform';
import type { FastifyReply } from 'fastify';
import { linked } from './answer.ts';
import { Operation } from './docs/operation.ts';
import { ResponseCache } from './responses/response-cache.ts';
import { strict } from './strict.ts';
import { Catalog } from './upstreams.ts';

const query = strict(productQuery);
const noSuchProduct = () => new DomainError('not-found', 'product-not-found', 'There is no such product.');

@Public()
@Controller('v1/products')
export class ProductsController {
  constructor(
    private readonly catalog: Catalog,
    private readonly responses: ResponseCache,
  ) {}

  @Get()
  @Operation({
    summary: 'Products on sale',
    answer: productPage,
    sends: ['Link', 'ETag', 'Age', 'Cache-Control'],
    takes: ['If-None-Match'],
  })
  list(
    @Query({ schema: query }) query: ProductQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ProductPage> {
    return linked(
      reply,
      this.responses.answer(reply, { query }, () =>
        this.catalog.request({ method: 'GET', path: '/products', query, schema: productPage }),
      ),
    );
  }

  @Get(':id')
  @Operation({
    summary: 'One product',
    answer: productView,
    sends: ['ETag', 'Age', 'Cache-Control'],
    takes: ['If-None-Match'],
    refuses: ['product-not-found'],
  })
  get(
    @Param('id', { schema: id }) product: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ProductView> {
    return this.responses.answer(reply, { id: product, nothing: noSuchProduct }, () =>
      this.catalog.request({ method: 'GET', path: `/products/${product}`, schema: productView }),
    );
  }
}
