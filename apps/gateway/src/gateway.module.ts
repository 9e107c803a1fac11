import { Module } from '@nestjs/common';
import { CacheModule, RedisModule } from '@shop/platform';
import { AccountsController } from './accounts.controller.ts';
import { DocsController } from './docs/docs.controller.ts';
import { OpenApi } from './docs/open-api.ts';
import { GatewayConfig } from './gateway.config.ts';
import { IndexController } from './index.controller.ts';
import { EdgeLimits } from './limits/edge-limits.ts';
import { NotificationsController } from './notifications.controller.ts';
import { OidcProxy } from './oidc/oidc-proxy.ts';
import { OrdersController } from './orders.controller.ts';
import { ProductAdministrationController } from './product-administration.controller.ts';
import { ProductsController } from './products.controller.ts';
import { ResponseCache } from './responses/response-cache.ts';
import { upstreams } from './upstreams.ts';

@Module({
  imports: [RedisModule.forRoot(GatewayConfig), CacheModule],
  controllers: [IndexController, ProductsController, ProductAdministrationController, OrdersController, NotificationsController, AccountsController, DocsController],
  providers: [...upstreams, EdgeLimits, ResponseCache, OidcProxy, OpenApi],
})
export class GatewayModule {}
