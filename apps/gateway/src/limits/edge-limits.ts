import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { limitRequests, LocalRateLimiter, RedisConnection, SharedRateLimiter, TokenVerifier } from '@shop/platform';
import type { FastifyInstance } from 'fastify';
import { GatewayConfig } from '../gateway.config.ts';
import { classOf } from './quotas.ts';

/** The limits of the door, for all its instances together: in front of every route, OpenID Connect's included. */
@Injectable()
export class EdgeLimits implements OnModuleInit {
  constructor(
    private readonly config: GatewayConfig,
    private readonly host: HttpAdapterHost,
    private readonly redis: RedisConnection,
    private readonly tokens: TokenVerifier,
  ) {}

  onModuleInit(): void {
    const { RATE_LIMITS: quotas } = this.config;
    if (!quotas) return;
    limitRequests(this.host.httpAdapter.getInstance<FastifyInstance>(), {
      limiter: new SharedRateLimiter(this.redis, new LocalRateLimiter()),
      tokens: this.tokens,
      quotasOf(method, route) {
        const routeClass = classOf(method, route);
        return routeClass && quotas[routeClass];
      },
    });
  }
}
