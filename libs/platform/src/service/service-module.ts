import { Module, type DynamicModule } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_PIPE } from '@nestjs/core';
import { AccessGuard } from '../auth/access.guard.ts';
import { audience, TokenVerifier } from '../auth/token-verifier.ts';
import { Health } from './health.ts';
import { HealthController } from './health.controller.ts';
import { Logger } from './logger.ts';
import { AcceptGuard } from '../http/accept.guard.ts';
import { Overload } from '../http/overload.ts';
import { ProblemFilter } from '../http/problem.filter.ts';
import { ValidationPipe } from '../http/validation.pipe.ts';
import type { ServerSettings } from '../config/settings.ts';
import type { ServiceDefinition } from './define-service.ts';

/**
 * What the platform puts around a service's own module. Global, so that services inject config, logs and health as they
 * are.
 */
@Module({})
export class ServiceModule {
  static around({ name, config, module }: ServiceDefinition, settings: ServerSettings): DynamicModule {
    return {
      module: ServiceModule,
      global: true,
      imports: [module],
      controllers: [HealthController],
      providers: [
        Health,
        { provide: config, useValue: settings },
        { provide: Logger, useValue: new Logger(name, settings) },
        { provide: Overload, inject: [Logger], useFactory: (log: Logger) => new Overload(settings, log) },
        {
          provide: TokenVerifier,
          useValue: new TokenVerifier(settings.ISSUER, settings.JWKS_URL, { audiences: [audience, name] }),
        },
        { provide: APP_GUARD, useClass: AccessGuard },
        { provide: APP_GUARD, useClass: AcceptGuard },
        { provide: APP_PIPE, useClass: ValidationPipe },
        { provide: APP_FILTER, useClass: ProblemFilter },
      ],
      exports: [Health, Logger, Overload, TokenVerifier, config],
    };
  }
}
