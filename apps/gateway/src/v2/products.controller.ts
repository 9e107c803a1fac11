import { Controller, Get, Param, Query, Res } from '@nestjs/common';
import {
  id,
  productPage,
  productPage2,
  productQuery,
  productView,
  productView2,
  type ProductPage2,
  type ProductQuery,
  type ProductView2,
} from '@shop/contracts';
import { DomainError } from '@shop/kernel';
import { Public } from '@shop/platform';
import type { FastifyReply } from 'fastify';
import { linked, told } from '../answer.ts';
import { Operation } from '../docs/operation.ts';
import { ResponseCache } from '../responses/response-cache.ts';
import { strict } from '../strict.ts';
import { Catalog } from '../upstreams.ts';
import { pageIn2 } from './page.ts';
import { productIn2 } from './products.ts';

const query = strict(productQuery);
const noSuchProduct = () => new DomainError('not-found', 'product-not-found', 'There is no such product.');

@Public()
@Controller('v2/products')
export class ProductsV2Controller {
  constructor(
    private readonly catalog: Catalog,
    private readonly responses: ResponseCache,
  ) {}

  @Get()
  @Operation({
    summary: 'Products on sale',
    answer: productPage2,
    sends: ['Link', 'ETag', 'Age', 'Cache-Control'],
    takes: ['If-None-Match'],
  })
  list(
    @Query({ schema: query }) query: ProductQuery,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ProductPage2> {
    return told(
      linked(
        reply,
        this.responses.answer(reply, { query }, () =>
          this.catalog.request({ method: 'GET', path: '/products', query, schema: productPage }),
        ),
      ),
      pageIn2(reply, productIn2),
    );
  }

  @Get(':id')
  @Operation({
    summary: 'One product',
    answer: productView2,
    sends: ['ETag', 'Age', 'Cache-Control'],
    takes: ['If-None-Match'],
    refuses: ['product-not-found'],
  })
  get(
    @Param('id', { schema: id }) product: string,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ProductView2> {
    return told(
      this.responses.answer(reply, { id: product, nothing: noSuchProduct }, () =>
        this.catalog.request({ method: 'GET', path: `/products/${product}`, schema: productView }),
      ),
      productIn2,
    );
  }
}
