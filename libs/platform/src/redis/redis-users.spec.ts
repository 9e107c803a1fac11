import { Cache } from '../cache/cache.ts';
import { RedisCacheStore } from '../cache/redis-cache-store.ts';
import { LocalRateLimiter } from '../limits/local-rate-limiter.ts';
import type { Claim } from '../limits/quota.ts';
import { SharedRateLimiter } from '../limits/shared-rate-limiter.ts';
import type { RedisConnection } from './redis-connection.ts';
import { redisUserContract } from './redis-user.contract.ts';

let number = 0;
const policy = {
  name: 'spec',
  version: 1,
  freshMs: 1_000,
  revalidateMs: 1_000,
  errorMs: 1_000,
  absentMs: 1_000,
  patienceMs: 50,
};
const quota = (name: string) => ({ name, limit: 1_000, seconds: 60 });
const claims = (whose: string): Claim[] => ['user', 'client', 'address'].map((name) => ({ quota: quota(name), whose }));
const limiterOn = (redis: RedisConnection) => new SharedRateLimiter(redis, new LocalRateLimiter());

redisUserContract({
  name: 'a limit of requests',
  open(redis) {
    const limiter = limiterOn(redis);
    return async () => (await limiter.take(claims(`somebody-${number++}`))).allowed;
  },
  outcome: true,
});

redisUserContract({
  name: 'a limit that is counted ahead',
  open(redis) {
    const limiter = limiterOn(redis);
    return async () => (await limiter.take(claims('often'))).allowed;
  },
  outcome: true,
});

redisUserContract({
  name: 'a cache',
  open(redis) {
    const cache = new Cache(new RedisCacheStore(redis), policy);
    return async () =>
      (await cache.read({ key: `key-${number++}`, tags: ['one', 'two', 'three'], load: async () => 'loaded' })).value;
  },
  outcome: 'loaded',
});

redisUserContract({
  name: 'the invalidation of what is cached',
  open(redis) {
    const cache = new Cache(new RedisCacheStore(redis), policy);
    return () => cache.invalidate(['one', 'two', 'three']);
  },
  outcome: undefined,
});
