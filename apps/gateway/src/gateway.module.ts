import { Module } from '@nestjs/common';
import { AccountsController } from './accounts.controller.ts';
import { DocsController } from './docs/docs.controller.ts';
import { OpenApi } from './docs/open-api.ts';
import { IndexController } from './index.controller.ts';
import { NotificationsController } from './notifications.controller.ts';
import { OidcProxy } from './oidc/oidc-proxy.ts';
import { OrdersController } from './orders.controller.ts';
import { ProductAdministrationController } from './product-administration.controller.ts';
import { ProductsController } from './products.controller.ts';
import { upstreams } from './upstreams.ts';

@Module({
  controllers: [IndexController, ProductsController, ProductAdministrationController, OrdersController, NotificationsController, AccountsController, DocsController],
  providers: [...upstreams, OidcProxy, OpenApi],
})
export class GatewayModule {}
