import {
  RedisCacheStore,
  type Cache,
  type KeepOptions,
  type Reading,
  type RedisConnection,
  type Sight,
  type Wanted,
} from '@shop/platform';

/** As much of the product's cache as its readers and writers use. */
export type ReadThrough = Pick<Cache, 'read' | 'invalidate'>;

/** What every introduction to caching shows: get; if it is not there, load and set; delete what has changed. */
export class GetLoadSet implements ReadThrough {
  constructor(
    private readonly redis: RedisConnection,
    private readonly lifetimeMs: number,
  ) {}

  async read<T>({ key, load }: Wanted<T>): Promise<Reading<T>> {
    const kept = await this.redis.use((redis) => redis.get(`text:${key}`));
    if (kept !== null) return { value: JSON.parse(kept) as T, ageMs: 0, outcome: 'hit' };
    const value = await load();
    await this.redis.use((redis) => redis.set(`text:${key}`, JSON.stringify(value), 'PX', this.lifetimeMs));
    return { value, ageMs: 0, outcome: 'loaded' };
  }

  async invalidate(keys: readonly string[]): Promise<void> {
    await this.redis.use((redis) => redis.del(keys.map((key) => `text:${key}`)));
  }
}

/** The product's store, but for its marks: what has changed is deleted. Here every text has one tag, its own name. */
export class DeletingStore extends RedisCacheStore {
  constructor(
    private readonly connection: RedisConnection,
    private readonly place: (tag: string) => string,
  ) {
    super(connection);
  }

  override async look(key: string): Promise<Sight> {
    return super.look(key, []);
  }

  override keep(key: string, text: string, { lifetimeMs }: KeepOptions): Promise<void> {
    return super.keep(key, text, { lifetimeMs, tags: [], marks: [] });
  }

  override async renew(tags: readonly string[]): Promise<void> {
    await this.connection.use((redis) => redis.del(tags.map((tag) => `text:${this.place(tag)}`)));
  }
}
