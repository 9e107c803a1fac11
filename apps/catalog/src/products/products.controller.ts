import { Controller, Get, Param, Query } from '@nestjs/common';
import { Public } from '@shop/platform';
import { id, productQuery, type ProductPage, type ProductView } from '@shop/contracts';
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
  get(@Param('id', { schema: id }) product: string): Promise<ProductView> {
    return this.products.one(product);
  }
}
