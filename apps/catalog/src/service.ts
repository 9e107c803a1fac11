import { defineService } from '@shop/platform';
import { CatalogConfig } from './catalog.config.ts';
import { CatalogModule } from './catalog.module.ts';

/** Products, prices and stock. */
export const catalog = defineService({ name: 'catalog', config: CatalogConfig, module: CatalogModule });
