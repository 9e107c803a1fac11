import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import {
  countOnce,
  limitRequests,
  LocalRateLimiter,
  RedisConnection,
  SharedRateLimiter,
  TokenVerifier,
  type Caller,
  type RateLimiter,
} from '@shop/platform';
import type { FastifyInstance } from 'fastify';
import { GatewayConfig } from '../gateway.config.ts';
import { classOf } from './quotas.ts';

/** The limits of the door, for all its instances together: in front of every route, OpenID Connect's included. */
@Injectable()
export class EdgeLimits implements OnModuleInit {
  private readonly limiter: RateLimiter;

  constructor(
    private readonly config: GatewayConfig,
    private readonly host: HttpAdapterHost,
    redis: RedisConnection,
    private readonly tokens: TokenVerifier,
  ) {
    this.limiter = new SharedRateLimiter(redis, new LocalRateLimiter());
  }

  onModuleInit(): void {
    const { RATE_LIMITS: quotas } = this.config;
    if (!quotas) return;
    limitRequests(this.host.httpAdapter.getInstance<FastifyInstance>(), {
      limiter: this.limiter,
      tokens: this.tokens,
      quotasOf(method, route) {
        const routeClass = classOf(method, route);
        return routeClass && quotas[routeClass];
      },
    });
  }

  /**
   * Counts an operation that comes over a socket, as the request would be by which it could have come. Throws 429,
   * `rate-limited`.
   */
  async countOperation(caller: Caller): Promise<void> {
    const { RATE_LIMITS: quotas } = this.config;
    if (quotas) await countOnce(this.limiter, quotas.graph, caller);
  }
}
