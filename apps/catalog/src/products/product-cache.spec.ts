import { RedisConnection } from '@shop/platform';
import { expect, it } from 'vitest';
import { ProductCache } from './product-cache.ts';

it.each([
  ['there is no Redis', undefined],
  ['Redis refuses connections', 'redis://127.0.0.1:1'],
])('a product read is served while %s', async (_how, url) => {
  const redis = new RedisConnection(url);
  const cache = new ProductCache(redis);
  for (let read = 1; read <= 50; read++) expect(await cache.through('key', async () => read)).toBe(read);
  redis.close();
});
