import type { Type } from '@nestjs/common';
import { defineService, type ServiceDefinition } from '@shop/platform';
import { AuthConfig } from './auth.config.ts';
import { AuthModule } from './auth.module.ts';
import type { Artifacts } from './oidc/artifact-store.ts';

/** OAuth 2.1 and OpenID Connect, and the accounts behind them. Browsers reach it through the gateway only. */
export const auth = defineService({ name: 'auth', config: AuthConfig, module: AuthModule });

/** The same with another way to keep sessions, codes and refresh tokens; experiments compare them. */
export const authKeeping = (artifacts: Type<Artifacts>): ServiceDefinition =>
  defineService({ ...auth, module: AuthModule.keeping(artifacts) });

export { Artifacts, ArtifactStore } from './oidc/artifact-store.ts';
