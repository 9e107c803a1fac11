import { Controller, Get, Param, Query, Res } from '@nestjs/common';
import { id, productPage, productQuery, productView, type ProductPage, type ProductQuery, type ProductView } from '@shop/contracts';
import { Public } from '@shop/platform';
import type { FastifyReply } from 'fastify';
import { answer, answerPage } from './answer.ts';
import { Operation } from './docs/operation.ts';
import { strict } from './strict.ts';
import { Catalog } from './upstreams.ts';

const query = strict(productQuery);

@Public()
@Controller('v1/products')
export class ProductsController {
  constructor(private readonly catalog: Catalog) {}

  @Get()
  @Operation({ summary: 'Products on sale', answer: productPage, sends: ['Link'] })
  list(@Query({ schema: query }) query: ProductQuery, @Res({ passthrough: true }) reply: FastifyReply): Promise<ProductPage> {
    return answerPage(reply, this.catalog.request({ method: 'GET', path: '/products', query, schema: productPage, idempotent: true }));
  }

  @Get(':id')
  @Operation({ summary: 'One product', answer: productView, sends: ['ETag'], takes: ['If-None-Match'], refuses: [304, 404] })
  get(@Param('id', { schema: id }) product: string, @Res({ passthrough: true }) reply: FastifyReply): Promise<ProductView> {
    return answer(reply, this.catalog.request({ method: 'GET', path: `/products/${product}`, schema: productView, idempotent: true }));
  }
}
