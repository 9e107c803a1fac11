import { Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { Logger } from '@shop/platform';
import { CatalogConfig } from '../catalog.config.ts';
import { demoProducts } from './demo-products.ts';
import { ProductStore } from './product-store.ts';

const BATCH = 250;

/**
 * Fills the shop at start when SEED_DEMO is set: what is missing is added, so that every start, and two at once, end
 * the same.
 */
@Injectable()
export class DemoSeed implements OnApplicationBootstrap {
  constructor(
    private readonly config: CatalogConfig,
    private readonly store: ProductStore,
    private readonly logger: Logger,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    if (!this.config.SEED_DEMO) return;
    const products = demoProducts();
    let added = 0;
    for (let from = 0; from < products.length; from += BATCH)
      added += await this.store.add(products.slice(from, from + BATCH));
    this.logger.info({ added, products: products.length }, 'demo products are there');
  }
}
