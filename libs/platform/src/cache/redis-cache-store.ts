import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { RedisConnection } from '../redis/redis-connection.ts';
import { CacheStore, type Found, type KeepOptions, type Sight } from './cache-store.ts';

/** A tag outlives whatever is kept under it: each keeping gives it this much again, in ms. */
const tagLifetime = 3_600_000;

const releaseOwn = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end`;

/**
 * One key for each text, each tag and each claim. A read is one round trip: the time that is left of the text, the text and the marks. The
 * time comes first, so that a text which is replaced in between looks older than it is, never younger.
 */
export class RedisCacheStore extends CacheStore {
  constructor(private readonly redis: RedisConnection) {
    super();
  }

  override look(key: string, tags: readonly string[]): Promise<Sight> {
    return this.redis.use(async (redis) => {
      const [left, [kept, ...seen]] = await Promise.all([redis.pttl(textAt(key)), redis.mget(textAt(key), ...tags.map(tagAt))]);
      const marks = await marksOf(redis, tags, seen);
      return { found: kept && left > 0 ? read(kept, left, marks) : undefined, marks };
    });
  }

  override async keep(key: string, text: string, { lifetimeMs, tags, marks }: KeepOptions): Promise<void> {
    const lifetime = Math.max(1, Math.round(lifetimeMs));
    await this.redis.use((redis) =>
      Promise.all([
        redis.set(textAt(key), `${lifetime} ${marks.join(' ')}\n${text}`, 'PX', lifetime),
        ...tags.map((tag) => redis.pexpire(tagAt(tag), Math.max(tagLifetime, 2 * lifetime))),
      ]),
    );
  }

  override async renew(tags: readonly string[]): Promise<void> {
    await this.redis.use((redis) => Promise.all(tags.map((tag) => redis.set(tagAt(tag), randomUUID(), 'PX', tagLifetime))));
  }

  override async claim(key: string, forMs: number): Promise<string | undefined> {
    const token = randomUUID();
    const taken = await this.redis.use((redis) => redis.set(claimAt(key), token, 'PX', Math.round(forMs), 'NX'));
    return taken === 'OK' ? token : undefined;
  }

  override async release(key: string, token: string): Promise<void> {
    await this.redis.use((redis) => redis.eval(releaseOwn, 1, claimAt(key), token));
  }
}

const textAt = (key: string) => `text:${key}`;
const tagAt = (tag: string) => `tag:${tag}`;
const claimAt = (key: string) => `claim:${key}`;

/** Tags that nobody has used lately, or that were forgotten, are marked anew: no text that is still around can bear such a mark. */
async function marksOf(redis: Redis, tags: readonly string[], seen: readonly (string | null)[]): Promise<string[]> {
  const missing = tags.filter((_, index) => seen[index] === null);
  if (missing.length === 0) return seen as string[];
  const made = Promise.all(missing.map((tag) => redis.set(tagAt(tag), randomUUID(), 'PX', tagLifetime, 'NX')));
  const [marks] = await Promise.all([redis.mget(tags.map(tagAt)), made]);
  return marks.map((mark) => mark ?? randomUUID());
}

function read(kept: string, leftMs: number, marks: readonly string[]): Found | undefined {
  const end = kept.indexOf('\n');
  const [lifetime, ...then] = kept.slice(0, end).split(' ');
  const current = then.filter(Boolean).join(' ') === marks.join(' ');
  return { text: kept.slice(end + 1), ageMs: Math.max(0, Number(lifetime) - leftMs), current };
}
