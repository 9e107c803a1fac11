import { Controller, Get, Query } from '@nestjs/common';
import { manyIds, type ManyIds, type ProductView } from '@shop/contracts';
import { Public } from '@shop/platform';
import { ManyProducts } from './many-products.ts';

/** Several products in one request: for whoever shows things that name products, such as the gateway's graph. */
@Public()
@Controller('products/many')
export class ManyProductsController {
  constructor(private readonly products: ManyProducts) {}

  @Get()
  async list(@Query({ schema: manyIds.query }) { ids }: ManyIds): Promise<{ items: ProductView[] }> {
    return { items: await this.products.find(ids) };
  }
}
