import { Module, type DynamicModule } from '@nestjs/common';
import type { z } from 'zod';
import type { ConfigClass } from '../config/config.ts';
import type { redisSettings } from '../config/settings.ts';
import { RedisConnection } from './redis-connection.ts';

type RedisConfig = z.output<z.ZodObject<typeof redisSettings>>;

/** Provides `RedisConnection` from a service's configuration, to every module of the service. Not part of readiness: nothing may depend on it. */
@Module({})
export class RedisModule {
  static forRoot(config: ConfigClass<RedisConfig>): DynamicModule {
    const open = ({ REDIS_URL, REDIS_KEY_PREFIX }: RedisConfig) => new RedisConnection(REDIS_URL, { keyPrefix: REDIS_KEY_PREFIX });
    return {
      module: RedisModule,
      global: true,
      providers: [{ provide: RedisConnection, inject: [config], useFactory: open }],
      exports: [RedisConnection],
    };
  }
}
