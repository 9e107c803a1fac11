import { defineService } from '@shop/platform';
import { AuthConfig } from './auth.config.ts';
import { AuthModule } from './auth.module.ts';

/** OAuth 2.1 and OpenID Connect, and the accounts behind them. Browsers reach it through the gateway only. */
export const auth = defineService({ name: 'auth', config: AuthConfig, module: AuthModule });
