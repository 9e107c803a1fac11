import { describeWith } from '@shop/testing';
import { afterAll, beforeAll, vi } from 'vitest';
import { RedisConnection } from '../redis/redis-connection.ts';
import { cacheStoreContract } from './cache-store.contract.ts';
import { RedisCacheStore } from './redis-cache-store.ts';

describeWith('redis', 'Redis', ({ url }) => {
  // A busy machine is no reason to fail.
  const connections = [0, 1, 2].map(
    () => new RedisConnection(url, { keyPrefix: `spec-${process.pid}:`, timeout: 5_000 }),
  );
  beforeAll(async () => {
    for (const connection of connections) connection.onModuleInit();
    await vi.waitUntil(() => connections.every(({ available }) => available), { timeout: 10_000 });
  });
  afterAll(() => connections.forEach((connection) => connection.close()));

  const stores = connections.map((connection) => new RedisCacheStore(connection));
  let opened = 0;
  cacheStoreContract({
    name: 'Redis',
    open: () => stores[opened++ % stores.length] as RedisCacheStore,
    forget: async (tag) => void (await connections[2]?.use((redis) => redis.del(`tag:${tag}`))),
  });
});
