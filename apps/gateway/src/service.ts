import type { Type } from '@nestjs/common';
import { defineService, type ServiceDefinition } from '@shop/platform';
import { GatewayConfig } from './gateway.config.ts';
import { GatewayModule, versions } from './gateway.module.ts';
import { GraphModule } from './graph/graph.module.ts';
import type { LoadsFactory } from './graph/loads.ts';

/** The only door: whatever is unauthenticated or malformed ends here. */
export const gateway = gatewayServing([...versions.second, ...versions.first]);

/** The same with other versions of the API behind it; experiments compare them. */
export function gatewayServing(api: readonly Type[]): ServiceDefinition {
  return defineService({ name: 'gateway', config: GatewayConfig, module: GatewayModule.serving(api), public: true });
}

/** Its graph alone, reading what operations name in another way; experiments compare them. */
export function graphLoading(loads: Type<LoadsFactory>): ServiceDefinition {
  return defineService({ name: 'graph', config: GatewayConfig, module: GraphModule.loading(loads), public: true });
}

export { versions } from './gateway.module.ts';
export { limits as graphLimits } from './graph/documents/limits.ts';
export { rateLimits } from './limits/quotas.ts';
export { BatchedLoads, LoadsFactory, type Loads } from './graph/loads.ts';
export { Catalog, Orders } from './upstreams.ts';
