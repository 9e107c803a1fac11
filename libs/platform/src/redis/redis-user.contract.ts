import { FakeRedis, redisRefusals } from '@shop/testing';
import { describe, expect, it, vi } from 'vitest';
import { RedisConnection } from './redis-connection.ts';

/** Something that uses Redis and never needs it. */
export interface RedisUser {
  readonly name: string;
  /** Uses it once; throws where the use fails, which no use may. */
  open(redis: RedisConnection): () => Promise<unknown>;
  /** What every use comes to, with Redis and without it. */
  readonly outcome: unknown;
}

/**
 * What each user of Redis promises: any answer but the expected one ends in its fail mode, is seen, and is over when
 * Redis is well again.
 */
export function redisUserContract({ name, open, outcome }: RedisUser): void {
  describe(`${name}, when Redis`, () => {
    async function connected(
      use: (user: {
        fake: FakeRedis;
        redis: RedisConnection;
        lines: object[];
        ask: () => Promise<unknown>;
      }) => Promise<void>,
    ) {
      const [fake, lines] = [await FakeRedis.start(), [] as object[]];
      const redis = new RedisConnection(fake.url, {
        keyPrefix: 'spec:',
        timeout: 200,
        pause: 100,
        log: { warn: (fields) => void lines.push(fields) },
      });
      redis.onModuleInit();
      await vi.waitUntil(() => redis.available, { timeout: 10_000, interval: 5 });
      await use({ fake, redis, lines, ask: open(redis) });
      redis.close();
      await fake.stop();
    }

    it.concurrent.each(Object.entries(redisRefusals))('answers %s', (_what, answer) =>
      connected(async ({ fake, redis, lines, ask }) => {
        fake.answer = answer;
        const results = await Promise.all(Array.from({ length: 5 }, ask));
        for (let time = 0; time < 5; time++) results.push(await ask());
        expect(results).toEqual(Array(10).fill(outcome));
        expect(redis.trouble).toEqual(expect.any(String));
        expect(lines.length).toBeGreaterThan(0);
        fake.recover();
        fake.asked.length = 0;
        // A PING, or a new connection, and then it is used again.
        await vi.waitFor(
          async () =>
            expect([await ask(), fake.asked.some(([command]) => command !== 'ping')]).toEqual([outcome, true]),
          { timeout: 20_000, interval: 20 },
        );
      }),
    );

    it('is a node of a cluster: no command needs keys of two slots', () =>
      connected(async ({ fake, lines, ask }) => {
        fake.isCluster = true;
        for (let time = 0; time < 3; time++) expect(await ask()).toEqual(outcome);
        expect([lines, fake.asked.length > 0]).toEqual([[], true]);
      }));
  });
}
