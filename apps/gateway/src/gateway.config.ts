import { Config, httpUrls, redisSettings } from '@shop/platform';
import { z } from 'zod';
import { rateLimits } from './limits/quotas.ts';

/**
 * Which operations of the graph are executed: those that are listed (graph/documents/operations.ts), or any within the
 * limits, introspection included.
 */
const graphOperations = z.enum(['listed', 'any']).default('listed');

/** Where each service behind the door is, one URL per instance; and Redis, for what instances share. */
export class GatewayConfig extends Config(
  z.object({
    ...redisSettings,
    AUTH_URLS: httpUrls,
    CATALOG_URLS: httpUrls,
    ORDERS_URLS: httpUrls,
    NOTIFICATIONS_URLS: httpUrls,
    RATE_LIMITS: rateLimits,
    GRAPH_OPERATIONS: graphOperations,
  }),
) {}
