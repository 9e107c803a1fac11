import { describeWith } from '@shop/testing';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { RedisConnection } from './redis-connection.ts';
import { RedisUnavailable } from './redis-refusals.ts';

describeWith('redis', 'a Redis that is there', ({ url }) => {
  const prefix = `spec-${process.pid}:`;
  const redis = new RedisConnection(url, { keyPrefix: prefix, timeout: 2_000 });
  const operator = new Redis(url);
  beforeAll(async () => {
    redis.onModuleInit();
    await vi.waitUntil(() => redis.available, { timeout: 10_000 });
  });
  afterAll(() => {
    redis.close();
    operator.disconnect();
  });

  it('keeps what it is given under the prefix of its shop', async () => {
    await redis.use((client) => client.set('a', '1'));
    expect([await redis.use((client) => client.get('a')), await operator.get(`${prefix}a`)]).toEqual(['1', '1']);
  });

  it('says of a command that it refuses why, and is asked for others', async () => {
    await redis.use((client) => client.set('text', 'x'));
    for (let time = 0; time < 5; time++) {
      const refusal: unknown = await redis.use((client) => client.incr('text')).catch((error: unknown) => error);
      expect([refusal instanceof RedisUnavailable, ((refusal as Error).cause as Error).message]).toEqual([
        true,
        'ERR value is not an integer or out of range',
      ]);
    }
    expect([redis.available, redis.trouble]).toEqual([true, 'refused: ERR']);
  });

  it('is used again once it has been cut off', async () => {
    await operator.client('KILL', 'ID', await redis.use((client) => client.client('ID')));
    await expect
      .poll(() => redis.use((client) => client.get('a')).catch((error: unknown) => error instanceof RedisUnavailable), {
        timeout: 10_000,
      })
      .toBe('1');
  });
});
