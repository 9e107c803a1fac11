import { createServer, type AddressInfo, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CatalogConfig } from '../catalog.config.ts';
import { ProductCache } from './product-cache.ts';

const cacheAt = (redisUrl?: string) =>
  new ProductCache(
    CatalogConfig.parse({
      ISSUER: 'http://shop.example/oidc',
      JWKS_URL: 'http://shop.example/jwks',
      DATABASE_URL: 'postgres://nobody@shop.example/catalog',
      BUS: 'memory',
      REDIS_URL: redisUrl,
    }),
  );

/** A Redis that greets like one and then never answers a command again. */
let silent: Server;
let asked = 0;
beforeAll(async () => {
  silent = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (data) => {
      for (const [, command] of data.toString().matchAll(/\*\d+\r\n\$\d+\r\n(\w+)/g)) {
        if (command?.toLowerCase() === 'get') asked++;
        else socket.write(command?.toLowerCase() === 'info' ? '$7\r\nloading\r\n' : '+OK\r\n');
      }
    });
  });
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
});
afterAll(() => void silent.close());

describe('a product read', () => {
  it.each([
    ['there is no Redis', () => undefined],
    ['Redis refuses connections', () => 'redis://127.0.0.1:1'],
    ['Redis is silent', () => `redis://127.0.0.1:${(silent.address() as AddressInfo).port}`],
  ])('is served while %s', async (_how, url) => {
    const cache = cacheAt(url());
    for (let read = 1; read <= 50; read++) expect(await cache.through('key', async () => read)).toBe(read);
    cache.onApplicationShutdown();
  });

  it('leaves a silent Redis alone instead of waiting for it each time', async () => {
    asked = 0;
    const cache = cacheAt(`redis://127.0.0.1:${(silent.address() as AddressInfo).port}`);
    await expect.poll(async () => (await cache.through('key', async () => 0), asked), { timeout: 5_000 }).toBeGreaterThan(2);
    const before = asked;
    for (let read = 0; read < 200; read++) await cache.through('key', async () => read);
    expect(asked - before).toBeLessThan(20);
    cache.onApplicationShutdown();
  });
});
