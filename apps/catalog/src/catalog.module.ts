import { Module } from '@nestjs/common';
import { EventingModule } from '@shop/eventing';
import { CacheModule, DatabaseModule, RedisModule } from '@shop/platform';
import { CatalogConfig } from './catalog.config.ts';
import { DemoSeed } from './products/demo-seed.ts';
import { KeyPurge } from './products/key-purge.ts';
import { ManyProducts } from './products/many-products.ts';
import { ManyProductsController } from './products/many-products.controller.ts';
import { ProductAdministration } from './products/product-administration.ts';
import { ProductAnnouncement } from './products/product-announcement.ts';
import { ProductAdministrationController } from './products/product-administration.controller.ts';
import { ProductCache } from './products/product-cache.ts';
import { ProductCacheConsumer } from './products/product-cache.consumer.ts';
import { ProductCopiesConsumer, ProductsSummary } from './products/product-copies.ts';
import { ProductOperationsController } from './products/product-operations.controller.ts';
import { ProductsController } from './products/products.controller.ts';
import { ProductQueries } from './products/products.queries.ts';
import { ProductStore } from './products/product-store.ts';
import { RestingStock } from './stock/resting-stock.ts';
import { Stock } from './stock/stock.ts';
import { StockConsumer } from './stock/stock.consumer.ts';

@Module({
  imports: [
    DatabaseModule.forRoot(CatalogConfig),
    RedisModule.forRoot(CatalogConfig),
    CacheModule,
    EventingModule.forRoot(CatalogConfig, {
      consumers: [StockConsumer, ProductCacheConsumer, ProductCopiesConsumer],
      produces: true,
    }),
  ],
  controllers: [
    ManyProductsController,
    ProductsController,
    ProductAdministrationController,
    ProductOperationsController,
  ],
  providers: [
    ProductCache,
    ProductCacheConsumer,
    ProductQueries,
    ManyProducts,
    ProductStore,
    ProductAdministration,
    ProductAnnouncement,
    ProductsSummary,
    ProductCopiesConsumer,
    KeyPurge,
    DemoSeed,
    Stock,
    StockConsumer,
    RestingStock,
  ],
})
export class CatalogModule {}
