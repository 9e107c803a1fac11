import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { circuitBreaker, ConsecutiveBreaker, handleAll } from 'cockatiel';
import { Redis } from 'ioredis';
import { CatalogConfig } from '../catalog.config.ts';

const TTL_MS = 2_000;
/** A local Redis answers in well under a millisecond; one that does not is not worth waiting for. */
const COMMAND_TIMEOUT_MS = 50;

/**
 * Cache-aside for product reads, never an authority: whatever fails here, the reader is served from the database. A Redis that is
 * silent costs three reads 50 ms each and is then left alone for a second.
 */
@Injectable()
export class ProductCache implements OnApplicationShutdown {
  private readonly redis: Redis | undefined;
  private readonly breaker = circuitBreaker(handleAll, { halfOpenAfter: 1_000, breaker: new ConsecutiveBreaker(3) });

  constructor(config: CatalogConfig) {
    if (config.REDIS_URL === undefined) return;
    this.redis = new Redis(config.REDIS_URL, {
      keyPrefix: 'catalog:products:1:',
      commandTimeout: COMMAND_TIMEOUT_MS,
      connectTimeout: 1_000,
      enableAutoPipelining: true,
      // Offline, a command fails at once instead of joining a queue without end.
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      retryStrategy: (attempt) => Math.min(100 * attempt, 2_000),
    });
    // Without a listener each failed connection is printed; what a failure means is decided where the command was sent.
    this.redis.on('error', () => {});
  }

  /** What was loaded under this key in the last two seconds, or else what `load` now says. */
  async through<T>(key: string, load: () => Promise<T>): Promise<T> {
    const { redis } = this;
    if (!redis) return load();
    const kept = await this.attempt(() => redis.get(key));
    if (kept) return JSON.parse(kept) as T;
    const value = await load();
    // Spread by a quarter, so that what was loaded together does not run out together. The reader does not wait for it.
    void this.attempt(() => redis.set(key, JSON.stringify(value), 'PX', Math.round(TTL_MS * (0.75 + Math.random() / 2))));
    return value;
  }

  onApplicationShutdown(): void {
    this.redis?.disconnect();
  }

  private attempt<T>(command: () => Promise<T>): Promise<T | undefined> {
    return this.breaker.execute(command).catch(() => undefined);
  }
}
