import { createHash } from 'node:crypto';
import { RedisUnavailable, type RedisConnection } from '../redis/redis-connection.ts';
import { meter } from '../telemetry/metrics.ts';
import type { LocalRateLimiter } from './local-rate-limiter.ts';
import { costOf, creditOf, judge, type Claim, type Verdict } from './quota.ts';
import { keyOf, RateLimiter } from './rate-limiter.ts';

/**
 * The same arithmetic as `judge`, where all instances meet: what was owed before is answered, and owed more when all quotas take the request. Time is
 * Redis's, so that no two gateways disagree about it. The arguments are cost and credit of each key, in µs.
 */
const script = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local debts, taken = {}, true
for i, free in ipairs(redis.call('MGET', unpack(KEYS))) do
  debts[i] = math.max((tonumber(free or 0)) - now, 0)
  if debts[i] + ARGV[2 * i - 1] > tonumber(ARGV[2 * i]) then taken = false end
end
if taken then
  for i, key in ipairs(KEYS) do
    local owed = debts[i] + ARGV[2 * i - 1]
    redis.call('SET', key, string.format('%.0f', now + owed), 'PX', math.ceil(owed / 1000))
  end
end
return debts
`;
const digest = createHash('sha1').update(script).digest('hex');

/**
 * Counts in Redis, for all instances together, in one round trip. Fail mode: while Redis is away or too slow, each instance counts for itself, so that
 * n instances let through n times the quota at most; what was owed before is forgotten. Neither refuses everybody nor lets everything through.
 */
export class SharedRateLimiter extends RateLimiter {
  readonly #decisions = meter().createCounter('ratelimit.decisions', { unit: '{request}', description: 'Requests that were counted: by whom, and what came of it' });

  constructor(
    private readonly redis: RedisConnection,
    private readonly local: LocalRateLimiter,
  ) {
    super();
  }

  override async take(claims: readonly Claim[]): Promise<Verdict> {
    const debts = this.redis.available ? await this.#debts(claims).catch(unlessAway) : this.#away();
    const verdict = debts ? judge(claims, debts) : await this.local.take(claims);
    this.#decisions.add(1, { by: debts ? 'redis' : 'process', outcome: verdict.allowed ? 'taken' : 'refused' });
    return verdict;
  }

  #debts(claims: readonly Claim[]): Promise<number[]> {
    const keys = claims.map(keyOf);
    const values = claims.flatMap(({ quota }) => [costOf(quota), creditOf(quota)]);
    return this.redis.use(async (redis) => {
      const run = (command: 'evalsha' | 'eval', what: string) => redis[command](what, keys.length, ...keys, ...values) as Promise<number[]>;
      try {
        return await run('evalsha', digest);
      } catch (error) {
        if (!(error as Error).message.startsWith('NOSCRIPT')) throw error;
        return run('eval', script);
      }
    });
  }

  /** Nobody waits for Redis to come back, but somebody has to look whether it has. */
  #away(): undefined {
    this.redis.use((redis) => redis.ping()).catch(() => undefined);
  }
}

function unlessAway(error: unknown): undefined {
  if (!(error instanceof RedisUnavailable)) throw error;
}
