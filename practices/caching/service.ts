import { setTimeout as sleep } from 'node:timers/promises';
import { Cache, RedisCacheStore, RedisConnection, type CachePolicy } from '@shop/platform';
import { serve, takePart } from '../lab/part.ts';
import { DeletingStore, GetLoadSet, type ReadThrough } from './naive-caches.ts';

/** What a process is asked to do. */
export type Task =
  | { readonly do: 'read'; readonly keys: readonly string[]; readonly readers: number }
  | { readonly do: 'change'; readonly key: string; readonly times: number };

/** What it saw. */
export interface Seen {
  readonly reads: number;
  /**
   * Reads that began after a change was through and its invalidation answered, and that still showed what was before.
   */
  readonly old: number;
  /** Reads that went past the cache, because Redis did not answer. */
  readonly bypassed: number;
}

/** The product's own policy, with times that a busy machine does not reach in the middle of a round. */
const policy: CachePolicy = {
  name: 'practice',
  version: 1,
  freshMs: 120_000,
  revalidateMs: 1_000,
  errorMs: 1_000,
  absentMs: 1_000,
  patienceMs: 60_000,
  claimMs: 60_000,
};
const CONNECTED_WITHIN_MS = 10_000;

const { variant, database, named } = takePart();
const redis = new RedisConnection(process.env['REDIS_URL'], { keyPrefix: named(''), timeout: 10_000 });
redis.onModuleInit();
for (const until = Date.now() + CONNECTED_WITHIN_MS; !redis.available && Date.now() < until; ) await sleep(5);
const cache = open();

serve<Task>(
  (task) => (task.do === 'read' ? readAll(task.keys, task.readers) : change(task.key, task.times)),
  async () => redis.close(),
);

function open(): ReadThrough {
  if (variant === 'get, load, set') return new GetLoadSet(redis, policy.freshMs);
  if (variant === 'deletion')
    return new Cache(new DeletingStore(redis, (tag) => tag.replace('practice:', 'practice:1:')), policy);
  return new Cache(new RedisCacheStore(redis), policy);
}

/**
 * A load works as long as a page does that has to be sorted first, and notes itself in the statement that reads:
 * whoever counts need not believe the process.
 */
const load = `WITH noted AS (INSERT INTO loads (key) VALUES ($1)), sorted AS (SELECT md5(n::text) AS name FROM generate_series(1, 3000) AS n ORDER BY name)
  SELECT value, (SELECT count(*) FROM sorted) FROM things WHERE key = $1`;

const read = (key: string) =>
  cache.read<number>({
    key,
    tags: [key],
    load: async () => (await database.query<{ value: number }>(load, [key], 'load'))[0]?.value,
  });

/** So many readers of every key at once. */
async function readAll(keys: readonly string[], readers: number): Promise<Seen> {
  const readings = await Promise.all(keys.flatMap((key) => Array.from({ length: readers }, () => read(key))));
  return { reads: readings.length, old: 0, bypassed: readings.filter(({ outcome }) => outcome === 'bypassed').length };
}

/**
 * Changes a key, has it invalidated, and reads what it has written, or what somebody else has since; again and again.
 */
async function change(key: string, times: number): Promise<Seen> {
  let [old, bypassed] = [0, 0];
  for (let time = 0; time < times; time++) {
    const [row] = await database.query<{ value: number }>(
      'UPDATE things SET value = value + 1 WHERE key = $1 RETURNING value',
      [key],
      'change',
    );
    await cache.invalidate([key]);
    const { value, outcome } = await read(key);
    if ((value ?? 0) < (row?.value ?? 0)) old++;
    if (outcome === 'bypassed') bypassed++;
  }
  return { reads: times, old, bypassed };
}
