import { Injectable } from '@nestjs/common';
import { RedisConnection } from '@shop/platform';
import type { Redis } from 'ioredis';

const KEYS = 'catalog:products:1:';
const TTL_MS = 2_000;

/** Cache-aside for product reads, never an authority: whatever fails here, the reader is served from the database. */
@Injectable()
export class ProductCache {
  constructor(private readonly redis: RedisConnection) {}

  /** What was loaded under this key in the last two seconds, or else what `load` now says. */
  async through<T>(key: string, load: () => Promise<T>): Promise<T> {
    if (!this.redis.configured) return load();
    const kept = await this.attempt((redis) => redis.get(KEYS + key));
    if (kept) return JSON.parse(kept) as T;
    const value = await load();
    // Spread by a quarter, so that what was loaded together does not run out together. The reader does not wait for it.
    void this.attempt((redis) => redis.set(KEYS + key, JSON.stringify(value), 'PX', Math.round(TTL_MS * (0.75 + Math.random() / 2))));
    return value;
  }

  private attempt<T>(command: (redis: Redis) => Promise<T>): Promise<T | undefined> {
    return this.redis.use(command).catch(() => undefined);
  }
}
