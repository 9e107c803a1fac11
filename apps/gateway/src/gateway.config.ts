import { Config, httpUrls } from '@shop/platform';
import { z } from 'zod';

/** Where each service behind the door is, one URL per instance. */
export class GatewayConfig extends Config(
  z.object({ AUTH_URLS: httpUrls, CATALOG_URLS: httpUrls, ORDERS_URLS: httpUrls, NOTIFICATIONS_URLS: httpUrls }),
) {}
