import { Module, type DynamicModule } from '@nestjs/common';
import type { z } from 'zod';
import type { ConfigClass } from '../config/config.ts';
import type { redisSettings } from '../config/settings.ts';
import { Health } from '../service/health.ts';
import { Logger } from '../service/logger.ts';
import { RedisConnection } from './redis-connection.ts';

type RedisConfig = z.output<z.ZodObject<typeof redisSettings>>;

/** Provides `RedisConnection` from a service's configuration, to every module of the service. Without it a service is ready still, but degraded. */
@Module({})
export class RedisModule {
  static forRoot(config: ConfigClass<RedisConfig>): DynamicModule {
    const open = ({ REDIS_URL, REDIS_KEY_PREFIX }: RedisConfig, health: Health, log: Logger) => {
      const redis = new RedisConnection(REDIS_URL, { keyPrefix: REDIS_KEY_PREFIX, log });
      health.degraded('redis', () => redis.trouble);
      return redis;
    };
    return {
      module: RedisModule,
      global: true,
      providers: [{ provide: RedisConnection, inject: [config, Health, Logger], useFactory: open }],
      exports: [RedisConnection],
    };
  }
}
