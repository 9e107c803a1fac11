import { defineService } from '@shop/platform';
import { CatalogConfig } from './catalog.config.ts';
import { CatalogModule } from './catalog.module.ts';

export { announceAll } from './products/announce-all.ts';
export { ProductAdministration } from './products/product-administration.ts';
export { ProductAnnouncement } from './products/product-announcement.ts';
export { ProductCopiesConsumer, ProductsSummary } from './products/product-copies.ts';
export { ProductStore } from './products/product-store.ts';

/** Products, prices and stock. */
export const catalog = defineService({ name: 'catalog', config: CatalogConfig, module: CatalogModule });
export { putBackStock } from './restored-stock.ts';
