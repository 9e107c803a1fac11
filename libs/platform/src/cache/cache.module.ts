import { Module } from '@nestjs/common';
import { RedisConnection } from '../redis/redis-connection.ts';
import { CacheStore } from './cache-store.ts';
import { RedisCacheStore } from './redis-cache-store.ts';

/** Provides `CacheStore` in the Redis that RedisModule has connected. */
@Module({
  providers: [
    {
      provide: CacheStore,
      inject: [RedisConnection],
      useFactory: (redis: RedisConnection) => new RedisCacheStore(redis),
    },
  ],
  exports: [CacheStore],
})
export class CacheModule {}
