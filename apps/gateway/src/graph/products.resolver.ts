import { Args, ID, Int, Query, Resolver } from '@nestjs/graphql';
import { id, productPage, productView } from '@shop/contracts';
import { Public } from '@shop/platform';
import { Catalog } from '../upstreams.ts';
import { page } from './page.ts';
import { Product, ProductPage } from './schema/product.ts';
import { validated } from './validated.ts';

@Public()
@Resolver(() => Product)
export class ProductsResolver {
  constructor(private readonly catalog: Catalog) {}

  @Query(() => ProductPage, { nullable: true, description: 'Products on sale, by name.' })
  async products(
    @Args('limit', { type: () => Int, defaultValue: 20, description: 'From 1 to 100.' }) limit: number,
    @Args('after', { type: () => String, nullable: true }) after?: string,
  ): Promise<ProductPage> {
    const query = page(limit, after);
    return (await this.catalog.request({ method: 'GET', path: '/products', query, schema: productPage })).body;
  }

  @Query(() => Product, { nullable: true })
  async product(@Args('id', { type: () => ID }) wanted: string): Promise<Product> {
    const path = `/products/${validated(id, 'id', wanted)}`;
    return (await this.catalog.request({ method: 'GET', path, schema: productView })).body;
  }
}
