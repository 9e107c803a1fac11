import { Module, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { Config, defineService, limitRequests, LocalRateLimiter, runService, TokenVerifier } from '@shop/platform';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { serve, takePart } from '../lab/part.ts';
import { startNaive } from './naive-service.ts';
import { OrdersController, PricesController } from './orders.controller.ts';

/** Who issues tokens. */
export interface Wish {
  readonly issuer: string;
  readonly keysUrl: string;
}

const busy = { address: { name: 'busy', limit: 1, seconds: 3_600 } };

@Module({ controllers: [OrdersController, PricesController] })
class RefusingModule implements OnModuleInit {
  constructor(private readonly host: HttpAdapterHost) {}

  /** The product's limits, on one path: the first request there is the last for an hour. */
  onModuleInit(): void {
    const tokens = { known: () => undefined, verify: () => Promise.reject(new Error('nobody is known here')) };
    const fastify = this.host.httpAdapter.getInstance<FastifyInstance>();
    limitRequests(fastify, {
      limiter: new LocalRateLimiter(),
      tokens,
      quotasOf: (_method, route) => (route === '/orders/busy' ? busy : undefined),
    });
  }
}

const { variant } = takePart();

/** A service that says no in every way, with the product's server around it or another; answers with its address. */
serve<Wish>(
  async ({ issuer, keysUrl }) => {
    if (variant !== 'problem details') return startNaive(variant, RefusingModule, new TokenVerifier(issuer, keysUrl));
    const definition = defineService({
      name: 'refusing',
      config: class extends Config(z.object({})) {},
      module: RefusingModule,
      public: true,
    });
    return (
      await runService(definition, { ISSUER: issuer, JWKS_URL: keysUrl, LOG_LEVEL: 'silent', SHED_LOOP_DELAY_MS: '0' })
    ).url;
  },
  () => Promise.resolve(),
);
