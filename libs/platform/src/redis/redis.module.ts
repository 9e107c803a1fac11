import { readFileSync } from 'node:fs';
import { Module, type DynamicModule } from '@nestjs/common';
import type { z } from 'zod';
import type { ConfigClass } from '../config/config.ts';
import type { redisSettings } from '../config/settings.ts';
import { Health } from '../service/health.ts';
import { Logger } from '../service/logger.ts';
import { RedisConnection, type RedisOptions } from './redis-connection.ts';

type RedisConfig = z.output<z.ZodObject<typeof redisSettings>>;

/** The certificates that the settings name. */
export const redisTls = ({
  REDIS_CA_FILE: ca,
  REDIS_CERT_FILE: cert,
  REDIS_KEY_FILE: key,
}: Pick<RedisConfig, 'REDIS_CA_FILE' | 'REDIS_CERT_FILE' | 'REDIS_KEY_FILE'>) =>
  Object.fromEntries(
    Object.entries({ ca, cert, key }).flatMap(([name, file]) =>
      file === undefined ? [] : [[name, readFileSync(file, 'utf8')]],
    ),
  ) as RedisOptions['tls'];

/**
 * Provides `RedisConnection` from a service's configuration, to every module of the service. Without it a service is
 * ready still, but degraded.
 */
@Module({})
export class RedisModule {
  static forRoot(config: ConfigClass<RedisConfig>): DynamicModule {
    const open = ({ REDIS_URL, REDIS_KEY_PREFIX, ...files }: RedisConfig, health: Health, log: Logger) => {
      const redis = new RedisConnection(REDIS_URL, { keyPrefix: REDIS_KEY_PREFIX, log, tls: redisTls(files) });
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
