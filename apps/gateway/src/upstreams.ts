import type { OnApplicationShutdown, Provider } from '@nestjs/common';
import { Upstream, type UpstreamOptions } from '@shop/platform';
import { GatewayConfig } from './gateway.config.ts';

/** A service behind the door; its connections end with the gateway. */
abstract class Behind extends Upstream implements OnApplicationShutdown {
  onApplicationShutdown(): Promise<void> {
    return this.close();
  }
}

export class Auth extends Behind {}
export class Catalog extends Behind {}
export class Orders extends Behind {}
export class Notifications extends Behind {}

type Urls = Pick<GatewayConfig, 'AUTH_URLS' | 'CATALOG_URLS' | 'ORDERS_URLS' | 'NOTIFICATIONS_URLS'>;

const behind = (
  type: new (name: string, urls: readonly string[], options: UpstreamOptions) => Behind,
  key: keyof Urls,
  options: UpstreamOptions = {},
): Provider => ({
  provide: type,
  inject: [GatewayConfig],
  useFactory: (config: Urls) => new type(type.name.toLowerCase(), config[key], options),
});

export const upstreams: Provider[] = [
  behind(Auth, 'AUTH_URLS'),
  // Most answers about products are kept here: what is left to ask is little, and may wait a moment. Full others turn
  // away at the door (FullServices).
  behind(Catalog, 'CATALOG_URLS', { patient: true }),
  behind(Orders, 'ORDERS_URLS'),
  behind(Notifications, 'NOTIFICATIONS_URLS'),
];
