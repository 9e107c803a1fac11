import { setTimeout as sleep } from 'node:timers/promises';
import { Controller, Get, HttpException, Injectable, Module, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import {
  Config,
  defineService,
  limitRequests,
  LocalRateLimiter,
  Public,
  RedisConnection,
  runService,
  SharedRateLimiter,
  type RateLimiter,
} from '@shop/platform';
import { bulkhead } from 'cockatiel';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { serve, takePart } from '../lab/part.ts';

/**
 * One of several instances of a small service, which can do a few things at a time, lets a few wait and turns the rest
 * away.
 */
const { variant, named } = takePart();
const work = bulkhead(4, 16);
const WORK_MS = 4;

export interface Wish {
  readonly quota: number;
}
let quota = { name: 'user', limit: 1, seconds: 3_600 };

@Public()
@Controller()
class WorkController {
  @Get()
  async work(): Promise<object> {
    try {
      return await work.execute(() => new Promise((done) => setTimeout(() => done({}), WORK_MS)));
    } catch (error) {
      throw new HttpException('full', 503, { cause: error });
    }
  }
}

/** The product's own, whatever fills its port; each user's quota is the load's. */
@Injectable()
class Limits implements OnModuleInit {
  constructor(private readonly host: HttpAdapterHost) {}

  onModuleInit(): void {
    const limiter = limiters[variant];
    if (!limiter) return;
    // Who a token belongs to is not what this is about: it names its user.
    const known = (subject: string) => ({
      subject,
      clientId: 'load',
      scopes: new Set<string>(),
      roles: new Set<string>(),
      token: subject,
    });
    limitRequests(this.host.httpAdapter.getInstance<FastifyInstance>(), {
      limiter,
      tokens: { known, verify: async (token) => known(token) },
      quotasOf: () => ({ user: quota }),
    });
  }
}

const redis = new RedisConnection(process.env['REDIS_URL'], { keyPrefix: named(''), timeout: 10_000 });
const limiters: Record<string, RateLimiter> = {
  'each instance': new LocalRateLimiter(),
  shared: new SharedRateLimiter(redis, new LocalRateLimiter()),
};

@Module({ controllers: [WorkController], providers: [Limits] })
class WorkModule {}

redis.onModuleInit();
// What happens while Redis is away is another question.
while (variant === 'shared' && !redis.available) await sleep(20);
const definition = defineService({ name: 'work', config: class extends Config(z.object({})) {}, module: WorkModule });
const service = await runService(definition, {
  ISSUER: 'http://nobody',
  JWKS_URL: 'http://nobody',
  LOG_LEVEL: 'silent',
  SHED_LOOP_DELAY_MS: '0',
});

serve<Wish>(
  async ({ quota: limit }) => {
    quota = { ...quota, limit };
    return service.url;
  },
  async () => {
    await service.close();
    redis.close();
  },
);
