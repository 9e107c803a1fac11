import { runService, type RunningService } from '@shop/platform';
import { FakeRedis, redisRefusals } from '@shop/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { gateway } from '../service.ts';
import { fakeIssuer, FakeService } from '../services.fixture.ts';

const ISSUER = 'http://shop.example/oidc';
let [behind, redis, tokens, service]: [
  FakeService?,
  FakeRedis?,
  Awaited<ReturnType<typeof fakeIssuer>>?,
  RunningService?,
] = [];

beforeAll(async () => {
  [behind, redis, tokens] = await Promise.all([FakeService.start(), FakeRedis.start(), fakeIssuer(ISSUER)]);
  behind.says(200, { items: [] });
  const urls = {
    AUTH_URLS: behind.url,
    CATALOG_URLS: behind.url,
    ORDERS_URLS: behind.url,
    NOTIFICATIONS_URLS: behind.url,
  };
  service = await runService(gateway, {
    ISSUER,
    JWKS_URL: tokens.jwksUrl,
    LOG_LEVEL: 'silent',
    SHED_LOOP_DELAY_MS: '0',
    ...urls,
    REDIS_URL: redis.url,
  });
});
afterAll(async () => {
  await service?.close();
  await Promise.all([behind?.stop(), redis?.stop(), tokens?.stop()]);
});

const ask = (path: string, init?: RequestInit) => fetch(`${service?.url}${path}`, init);
let query = 0;

it.each(Object.entries(redisRefusals))(
  'a Redis that answers %s is felt by no client, and makes the gateway degraded, not unready',
  async (_what, answer) => {
    if (redis) redis.answer = answer;
    const authorization = `Bearer ${await tokens?.token('orders:read')}`;
    const kept = await ask(`/v1/products?limit=${1 + (query++ % 100)}`);
    const own = await ask('/v1/orders', { headers: { authorization } });
    expect([kept.status, own.status, kept.headers.get('ratelimit')]).toEqual([
      200,
      200,
      expect.stringMatching(/^"read-address";r=\d+;t=\d+$/),
    ]);
    const ready = await ask('/health/ready');
    expect([ready.status, await ready.json()]).toMatchObject([
      200,
      { status: 'degraded', checks: { service: 'ok', redis: expect.any(String) } },
    ]);
  },
);
