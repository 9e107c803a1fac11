import { describe, expect, it } from 'vitest';
import { LocalRateLimiter } from './local-rate-limiter.ts';

const quota = { name: 'q', limit: 3, seconds: 3_600 };

describe('a limiter of one process', () => {
  it('counts each holder apart', async () => {
    const limiter = new LocalRateLimiter();
    const take = async (whose: string) => (await limiter.take([{ quota, whose }])).allowed;
    expect([await take('a'), await take('a'), await take('a'), await take('a'), await take('b')]).toEqual([
      true,
      true,
      true,
      false,
      true,
    ]);
  });

  it('remembers so many and no more, whatever strangers call themselves', async () => {
    const limiter = new LocalRateLimiter(100);
    for (let n = 0; n < 1_000; n++) await limiter.take([{ quota, whose: `stranger-${n}` }]);
    expect(limiter.size).toBe(100);
  });

  it('forgets those first that were quiet for longest', async () => {
    const limiter = new LocalRateLimiter(2);
    const take = async (whose: string) => (await limiter.take([{ quota, whose }])).standings[0]?.remaining;
    for (const whose of ['a', 'b', 'a', 'c']) await take(whose);
    expect([await take('a'), await take('b')]).toEqual([0, 2]);
  });
});
