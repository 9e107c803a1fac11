import { describeWith } from '@shop/testing';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { RedisConnection } from '../redis/redis-connection.ts';
import { LocalRateLimiter } from './local-rate-limiter.ts';
import { SharedRateLimiter } from './shared-rate-limiter.ts';

const hour = (limit: number, name = 'q') => ({ name, limit, seconds: 3_600 });
let number = 0;
/** Somebody nobody has counted yet. */
const somebody = () => `somebody-${number++}`;

async function allowed(
  limiters: readonly SharedRateLimiter[],
  whose: string,
  requests: number,
  quota = hour(20),
): Promise<number> {
  const verdicts = await Promise.all(
    Array.from({ length: requests }, (_, n) => limiters[n % limiters.length]!.take([{ quota, whose }])),
  );
  return verdicts.filter((verdict) => verdict.allowed).length;
}

describeWith('redis', 'a limiter that instances share', ({ url }) => {
  const connections = [0, 1, 2].map(
    () => new RedisConnection(url, { keyPrefix: `limits-${process.pid}:`, timeout: 5_000 }),
  );
  const limiters = connections.map((redis) => new SharedRateLimiter(redis, new LocalRateLimiter()));
  const operator = new Redis(url);
  beforeAll(async () => {
    for (const redis of connections) redis.onModuleInit();
    await vi.waitUntil(() => connections.every(({ available }) => available), { timeout: 10_000 });
  });
  afterAll(() => {
    for (const redis of connections) redis.close();
    operator.disconnect();
  });

  it('lets the quota through once, however many of them are asked at once', async () => {
    expect(await allowed(limiters, somebody(), 100)).toBe(20);
  });

  it('says what is left, and when', async () => {
    const claims = [{ quota: { name: 'slow', limit: 2, seconds: 10 }, whose: somebody() }];
    const seen = [];
    for (let n = 0; n < 3; n++) seen.push(await limiters[n]!.take(claims));
    expect(seen.map(({ allowed, standings }) => [allowed, standings[0]?.remaining])).toEqual([
      [true, 1],
      [true, 0],
      [false, 0],
    ]);
    const { retryMs = 0, resetMs = 0 } = seen[2]!.standings[0]!;
    expect([retryMs > 3_000, retryMs <= 5_000, resetMs > 8_000, resetMs <= 10_000]).toEqual([true, true, true, true]);
  });

  it('counts a request that one quota refuses against no other', async () => {
    const [wide, narrow] = [
      { quota: hour(100, 'wide'), whose: somebody() },
      { quota: hour(1, 'narrow'), whose: somebody() },
    ];
    for (let n = 0; n < 10; n++) await limiters[0]!.take([wide, narrow]);
    expect((await limiters[0]!.take([wide])).standings[0]?.remaining).toBe(98);
  });

  it('forgets whoever owes nothing any more', async () => {
    await limiters[0]!.take([{ quota: { name: 'brief', limit: 100, seconds: 1 }, whose: 'brief' }]);
    await expect.poll(() => operator.exists(`limits-${process.pid}:{limit}:brief:brief`), { timeout: 10_000 }).toBe(0);
  });

  it('asks Redis now and then for whoever asks often, and lets nobody have more for it', async () => {
    const [whose, quota] = [somebody(), hour(2_000)];
    const asked = connections.map((redis) => vi.spyOn(redis, 'use'));
    let taken = 0;
    for (let wave = 0; wave < 100; wave++) taken += await allowed(limiters, whose, 30, quota);
    // What was taken ahead by one of them and not used in time is lost.
    expect([taken <= 2_000, taken >= 1_900]).toEqual([true, true]);
    expect(await allowed(limiters, whose, 30, quota)).toBeLessThanOrEqual(2_000 - taken);
    const asks = asked.reduce((sum, { mock }) => sum + mock.calls.length, 0);
    for (const spy of asked) spy.mockRestore();
    // A refusal is always asked for: 1,000 of them, and as many again at most for the 2,000 that were taken.
    expect(asks).toBeLessThan(2_000);
  });

  it('says what is left as if each request had been counted when it came', async () => {
    const claims = [{ quota: hour(10_000), whose: somebody() }];
    const seen = [];
    for (let n = 0; n < 200; n++) seen.push((await limiters[0]!.take(claims)).standings[0]?.remaining);
    expect(seen).toEqual(Array.from({ length: 200 }, (_, n) => 9_999 - n));
  });

  it('has nobody owe more than a whole quota, also after a failover to a Redis whose clock is an hour behind', async () => {
    const [whose, quota] = [somebody(), { name: 'quick', limit: 10, seconds: 1 }];
    const inAnHour = (Date.now() + 3_600_000) * 1_000;
    await operator.set(`limits-${process.pid}:{limit}:quick:${whose}`, String(inAnHour), 'PX', 3_600_000);
    expect(await allowed(limiters, whose, 1, quota)).toBe(0);
    await expect.poll(() => allowed(limiters, whose, 1, quota), { timeout: 10_000 }).toBe(1);
  });

  it('goes on when Redis has lost its scripts', async () => {
    await operator.script('FLUSH');
    expect(await allowed(limiters, somebody(), 30)).toBe(20);
  });
});

describe('without Redis', () => {
  it('each instance counts for itself: so many times the quota, and no more', async () => {
    const limiters = [0, 1, 2].map(
      () => new SharedRateLimiter(new RedisConnection('redis://127.0.0.1:1'), new LocalRateLimiter()),
    );
    expect(await allowed(limiters, somebody(), 300)).toBe(60);
  });
});

describeWith('redis', 'when Redis comes back', ({ url }) => {
  it('instances count together again', async () => {
    const redis = new RedisConnection(url, { keyPrefix: `limits-back-${process.pid}:`, timeout: 5_000 });
    const limiter = new SharedRateLimiter(redis, new LocalRateLimiter());
    const whose = somebody();
    // Not connected yet: the process counts.
    expect(await allowed([limiter], whose, 30)).toBe(20);
    await vi.waitUntil(() => redis.available, { timeout: 10_000 });
    expect((await limiter.take([{ quota: hour(20), whose }])).standings[0]?.remaining).toBe(19);
    redis.close();
  });
});
