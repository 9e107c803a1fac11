import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { RedisConnection } from '../redis/redis-connection.ts';
import { expected, isNumber, isSet, isTextOrNothing } from '../redis/redis-refusals.ts';
import { CacheStore, type Found, type KeepOptions, type Sight } from './cache-store.ts';

/** A tag outlives whatever is kept under it: each keeping gives it this much again, in ms. */
const tagLifetime = 3_600_000;

const releaseOwn = `if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end`;

/**
 * One key for each text, each tag and each claim, and no command that needs two of them: they may lie in different
 * slots of a Redis Cluster. A read is one round trip: the time that is left of the text, the text and the marks, in
 * this order. So a text that is replaced in between looks older than it is, never younger, and one that is renewed in
 * between is not current.
 */
export class RedisCacheStore extends CacheStore {
  constructor(private readonly redis: RedisConnection) {
    super();
  }

  override look(key: string, tags: readonly string[]): Promise<Sight> {
    return this.redis.use(async (redis) => {
      const [left, kept, ...seen] = await Promise.all([
        redis.pttl(textAt(key)).then(aNumber),
        readText(redis, textAt(key)),
        ...tags.map((tag) => readText(redis, tagAt(tag))),
      ]);
      const marks = await marksOf(redis, tags, seen);
      return { found: kept && left > 0 ? read(kept, left, marks) : undefined, marks };
    });
  }

  override async keep(key: string, text: string, { lifetimeMs, tags, marks }: KeepOptions): Promise<void> {
    const lifetime = Math.max(1, Math.round(lifetimeMs));
    await this.redis.use((redis) =>
      Promise.all([
        redis.set(textAt(key), `${lifetime} ${marks.join(' ')}\n${text}`, 'PX', lifetime).then(aSetting),
        ...tags.map((tag) => redis.pexpire(tagAt(tag), Math.max(tagLifetime, 2 * lifetime)).then(aNumber)),
      ]),
    );
  }

  override async renew(tags: readonly string[]): Promise<void> {
    await this.redis.use((redis) =>
      Promise.all(tags.map((tag) => redis.set(tagAt(tag), randomUUID(), 'PX', tagLifetime).then(aSetting))),
    );
  }

  override async claim(key: string, forMs: number): Promise<string | undefined> {
    const token = randomUUID();
    const taken = await this.redis.use((redis) =>
      redis.set(claimAt(key), token, 'PX', Math.round(forMs), 'NX').then(aSetting),
    );
    return taken === 'OK' ? token : undefined;
  }

  override async release(key: string, token: string): Promise<void> {
    await this.redis.use((redis) => redis.eval(releaseOwn, 1, claimAt(key), token).then(aNumber));
  }
}

const textAt = (key: string) => `text:${key}`;
const tagAt = (tag: string) => `tag:${tag}`;
const claimAt = (key: string) => `claim:${key}`;

const aNumber = (answer: unknown) => expected(answer, isNumber);
const aSetting = (answer: unknown) => expected(answer, isSet);
const readText = async (redis: Redis, key: string): Promise<string | undefined> =>
  expected(await redis.get(key), isTextOrNothing) ?? undefined;

/**
 * Tags that nobody has used lately, or that were forgotten, are marked anew: no text that is still around can bear such
 * a mark.
 */
async function marksOf(
  redis: Redis,
  tags: readonly string[],
  seen: readonly (string | undefined)[],
): Promise<string[]> {
  if (!seen.includes(undefined)) return seen as string[];
  const marked = async (tag: string) => {
    const made = redis.set(tagAt(tag), randomUUID(), 'PX', tagLifetime, 'NX').then(aSetting);
    const [mark] = await Promise.all([readText(redis, tagAt(tag)), made]);
    return mark ?? randomUUID();
  };
  return Promise.all(tags.map(async (tag, index) => seen[index] ?? marked(tag)));
}

function read(kept: string, leftMs: number, marks: readonly string[]): Found | undefined {
  const end = kept.indexOf('\n');
  const [lifetime, ...then] = kept.slice(0, end).split(' ');
  if (!(Number(lifetime) >= leftMs)) return undefined;
  const current = then.filter(Boolean).join(' ') === marks.join(' ');
  return { text: kept.slice(end + 1), ageMs: Number(lifetime) - leftMs, current };
}
