import { Module, type DynamicModule, type Type } from '@nestjs/common';
import { CacheModule } from '@shop/platform';
import { AccountsController } from './accounts.controller.ts';
import { DocsController } from './docs/docs.controller.ts';
import { OpenApi } from './docs/open-api.ts';
import { GraphModule } from './graph/graph.module.ts';
import { IndexController } from './index.controller.ts';
import { LimitsModule } from './limits/limits.module.ts';
import { NotificationsController } from './notifications.controller.ts';
import { OidcProxy } from './oidc/oidc-proxy.ts';
import { OrdersController } from './orders.controller.ts';
import { ProductAdministrationController } from './product-administration.controller.ts';
import { ProductsController } from './products.controller.ts';
import { Repeats } from './responses/repeats.ts';
import { ResponseCache } from './responses/response-cache.ts';
import { UpstreamsModule } from './upstreams.module.ts';
import { AccountsV2Controller } from './v2/accounts.controller.ts';
import { NotificationsV2Controller } from './v2/notifications.controller.ts';
import { OrdersV2Controller } from './v2/orders.controller.ts';
import { ProductAdministrationV2Controller } from './v2/product-administration.controller.ts';
import { ProductsV2Controller } from './v2/products.controller.ts';
import { VersionOne } from './version-one.ts';

/** What each version of the API is served by: the same resources, under a prefix of its own. */
export const versions = {
  first: [
    ProductsController,
    ProductAdministrationController,
    OrdersController,
    NotificationsController,
    AccountsController,
  ],
  second: [
    ProductsV2Controller,
    ProductAdministrationV2Controller,
    OrdersV2Controller,
    NotificationsV2Controller,
    AccountsV2Controller,
  ],
} satisfies Record<string, Type[]>;

@Module({
  imports: [UpstreamsModule, LimitsModule, GraphModule, CacheModule],
  // In this order their hooks run: limits before repeats, and what version 1 adds to an answer after it was kept.
  providers: [Repeats, ResponseCache, OidcProxy, OpenApi, VersionOne],
})
export class GatewayModule {
  /** The door, with these versions of the API behind it. */
  static serving(api: readonly Type[]): DynamicModule {
    return { module: GatewayModule, controllers: [...api, IndexController, DocsController] };
  }
}
