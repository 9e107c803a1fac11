import { defineService } from '@shop/platform';
import { GatewayConfig } from './gateway.config.ts';
import { GatewayModule } from './gateway.module.ts';

/** The only door: whatever is unauthenticated or malformed ends here. */
export const gateway = defineService({ name: 'gateway', config: GatewayConfig, module: GatewayModule, public: true });
