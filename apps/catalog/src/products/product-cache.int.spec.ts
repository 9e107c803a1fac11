import { randomUUIDv7 } from 'node:crypto';
import { ConsumerRuntime, MemoryBus, PostgresOutbox, seal } from '@shop/eventing';
import { Database, RedisCacheStore, RedisConnection } from '@shop/platform';
import { describeWith, freshDatabase } from '@shop/testing';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { ProductCache } from './product-cache.ts';
import { ProductCacheConsumer } from './product-cache.consumer.ts';
import { ProductQueries } from './products.queries.ts';
import { changed, ProductStore } from './product-store.ts';

const { url } = await freshDatabase('catalog');

describeWith('redis', 'cached products', ({ url: redisUrl }) => {
  const bus = new MemoryBus();
  const instances = [1, 2].map((instance) => {
    const database = new Database(url, { size: 4, application: `spec-${instance}` });
    const redis = new RedisConnection(redisUrl, { keyPrefix: `spec-${process.pid}:`, timeout: 5_000 });
    const cache = new ProductCache(new RedisCacheStore(redis));
    return { database, redis, cache, queries: new ProductQueries(database, cache) };
  });
  const [here, there] = instances as [(typeof instances)[0], (typeof instances)[0]];
  const store = new ProductStore(here.database, new PostgresOutbox());
  const log = { info: () => {}, warn: () => {}, error: () => {} };
  const runtime = new ConsumerRuntime({
    consumer: new ProductCacheConsumer(there.cache),
    bus,
    database: there.database,
    outbox: new PostgresOutbox(),
    log,
  });

  beforeAll(async () => {
    for (const { redis } of instances) redis.onModuleInit();
    await vi.waitUntil(() => instances.every(({ redis }) => redis.available), { timeout: 10_000 });
    await runtime.start();
    // The other reader of these events, for whom this bus would wait.
    await bus.subscribe({
      group: 'orders.prices',
      topics: ['catalog.products'],
      maxInFlight: 9,
      handle: async () => {},
    });
  });
  afterAll(async () => {
    await runtime.stop();
    for (const { redis, database } of instances) {
      redis.close();
      await database.close();
    }
  });

  let id: string;
  const product = () => ({
    id,
    sku: `SKU-${id}`,
    name: `Mug ${id}`,
    description: '',
    price: 100,
    currency: 'EUR',
    stock: 5,
  });
  beforeEach(async () => {
    id = randomUUIDv7();
    await store.add([product()]);
  });

  const setPrice = (price: number) =>
    here.database.query('UPDATE products SET price = $2, version = version + 1 WHERE id = $1', [id, price]);
  const tell = (version: number) => {
    const { topic, key, payload } = seal(changed({ ...product(), active: true, version }));
    return bus.publish([{ topic, key, value: payload }]);
  };
  const priceAt = async ({ queries }: (typeof instances)[0]) => (await queries.one(id)).value.product.price;
  const shownAt = async ({ queries }: (typeof instances)[0]) =>
    (await queries.page({ limit: 100, sort: 'name' })).value.items.find((item) => item.id === id)?.price;

  it('are read from the database by one instance for all of them', async () => {
    expect([await priceAt(here), await shownAt(here)]).toEqual([100, 100]);
    await setPrice(200);
    expect([await priceAt(there), await shownAt(there)]).toEqual([100, 100]);
  });

  it('are outdated everywhere by the event that tells of their change, pages too', async () => {
    await Promise.all([priceAt(here), shownAt(here)]);
    await setPrice(200);
    await tell(2);
    expect(await Promise.all([priceAt(here), priceAt(there), shownAt(here), shownAt(there)])).toEqual([
      200, 200, 200, 200,
    ]);
  });

  it('are never older than four seconds, also when nobody tells', async () => {
    await priceAt(here);
    await setPrice(200);
    const ages: number[] = [];
    const read = async () => {
      const { value, ageMs } = await there.queries.one(id);
      ages.push(ageMs);
      return value.product.price;
    };
    await expect.poll(read, { timeout: 30_000, interval: 50 }).toBe(200);
    expect(Math.max(...ages)).toBeLessThanOrEqual(4_000);
  });

  it('that do not exist are known not to, until the event that tells of them', async () => {
    const unknown = randomUUIDv7();
    await expect(here.queries.one(unknown)).rejects.toMatchObject({ kind: 'not-found', code: 'product-not-found' });
    id = unknown;
    await store.add([product()]);
    await tell(1);
    expect(await priceAt(there)).toBe(100);
  });

  it('are still shown, with their age, while the database is away', async () => {
    const away = new Database('postgres://nobody@127.0.0.1:1/catalog', { size: 1, application: 'spec' });
    const cut = new ProductQueries(away, there.cache);
    await priceAt(here);
    await expect.poll(async () => (await cut.one(id)).ageMs, { timeout: 30_000, interval: 100 }).toBeGreaterThan(4_000);
    await expect(cut.one(randomUUIDv7())).rejects.toMatchObject({ kind: 'unavailable' });
    await away.close();
  });
});
