import { createHash } from 'node:crypto';
import type { RedisConnection } from '../redis/redis-connection.ts';
import { expected, isNumber, RedisUnavailable } from '../redis/redis-refusals.ts';
import { meter } from '../telemetry/metrics.ts';
import { Leases } from './leases.ts';
import type { LocalRateLimiter } from './local-rate-limiter.ts';
import { costOf, creditOf, judge, type Claim, type Verdict } from './quota.ts';
import { keyOf, RateLimiter } from './rate-limiter.ts';

/**
 * The same arithmetic as `judge`, where all instances meet: when all quotas take one request, each gives as many as are
 * wanted of it, but no more than a sixteenth of what is left, so that the last ones are counted one by one. Answers
 * what was owed before, and what was given, of each key. Time is Redis's, so that no two gateways disagree about it;
 * where its clock was set back (a failover), nobody owes more than a whole quota. The arguments are cost and credit of
 * each key, in µs, and how many requests are wanted.
 */
const script = `
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local found, taken = {}, true
for i, free in ipairs(redis.call('MGET', unpack(KEYS))) do
  local debt, cost, credit = math.max((tonumber(free or 0)) - now, 0), tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1])
  if debt > credit then
    debt = credit
    redis.call('SET', KEYS[i], string.format('%.0f', now + debt), 'PX', math.ceil(debt / 1000))
  end
  found[2 * i - 1] = debt
  found[2 * i] = math.max(1, math.min(tonumber(ARGV[3 * i]), math.floor((credit - debt) / cost / 16)))
  if debt + cost > credit then taken = false end
end
for i, key in ipairs(KEYS) do
  if taken then
    local owed = found[2 * i - 1] + found[2 * i] * ARGV[3 * i - 2]
    redis.call('SET', key, string.format('%.0f', now + owed), 'PX', math.ceil(owed / 1000))
  else
    found[2 * i] = 0
  end
end
return found
`;
const digest = createHash('sha1').update(script).digest('hex');

/** A claim with what is asked about it again and again. */
interface Counted {
  readonly claim: Claim;
  readonly key: string;
  /** Of one request, in µs. */
  readonly cost: number;
}

/**
 * Counts in Redis, for all instances together, in one round trip, and for whoever asks often only now and then: a part
 * of the quota is taken ahead (Leases). Fail mode: while Redis is away, too slow, or answers anything but what it was
 * asked, each instance counts for itself, so that n instances let through n times the quota at most; what was owed
 * before is forgotten. Neither refuses everybody nor lets everything through.
 */
export class SharedRateLimiter extends RateLimiter {
  readonly #decisions = meter().createCounter('ratelimit.decisions', {
    unit: '{request}',
    description: 'Requests that were counted: by whom, and what came of it',
  });
  readonly #leases = new Leases();

  constructor(
    private readonly redis: RedisConnection,
    private readonly local: LocalRateLimiter,
  ) {
    super();
  }

  override async take(claims: readonly Claim[]): Promise<Verdict> {
    const now = performance.now();
    const counted = claims.map((claim) => ({ claim, key: keyOf(claim), cost: costOf(claim.quota) }));
    const held = counted.map(({ key, cost }) => this.#leases.use(key, cost, now));
    const missing = counted.filter((_, index) => held[index] === undefined);
    if (missing.length === 0) return this.#fromLeases(counted, claims, held as number[], now);
    const asked = await this.#ask(missing, ({ key, cost }) => this.#leases.use(key, cost, performance.now()));
    const verdict = asked
      ? judge(
          claims,
          held.map((debt) => debt ?? asked.shift() ?? 0),
        )
      : await this.local.take(claims);
    if (!verdict.allowed) counted.forEach(({ key }, index) => held[index] !== undefined && this.#leases.giveBack(key));
    this.#count(asked ? 'redis' : 'process', verdict);
    return verdict;
  }

  #fromLeases(counted: readonly Counted[], claims: readonly Claim[], debts: readonly number[], now: number): Verdict {
    for (const each of counted) if (this.#leases.isLow(each.key, now)) this.#ask([each]).catch(() => undefined);
    const verdict = judge(claims, debts);
    this.#count('lease', verdict);
    return verdict;
  }

  /**
   * Takes these from Redis and keeps what was given; answers what each owed before, or what `use` says of it, and
   * nothing when Redis cannot be asked.
   */
  async #ask(counted: readonly Counted[], use?: (given: Counted) => number | undefined): Promise<number[] | undefined> {
    if (!this.redis.available) return void this.redis.missed();
    const numbers = await this.#run(counted).catch(unlessAway);
    const now = performance.now();
    return (
      numbers &&
      counted.map((each, index) => {
        const grant = { before: numbers[2 * index] ?? 0, count: numbers[2 * index + 1] ?? 0 };
        if (grant.count > 0) this.#leases.add(each.key, grant, each.cost, now);
        return (grant.count > 0 ? use?.(each) : undefined) ?? grant.before;
      })
    );
  }

  #run(counted: readonly Counted[]): Promise<number[]> {
    const [keys, now] = [counted.map(({ key }) => key), performance.now()];
    const values = counted.flatMap(({ claim, key, cost }) => [
      cost,
      creditOf(claim.quota),
      this.#leases.wanted(key, now),
    ]);
    return this.redis.use(async (redis) => {
      const run = (command: 'evalsha' | 'eval', what: string) => redis[command](what, keys.length, ...keys, ...values);
      const answer = await run('evalsha', digest).catch((error: Error) => {
        if (!error.message.startsWith('NOSCRIPT')) throw error;
        return run('eval', script);
      });
      return expected(answer, areDebtsAndGrants(keys.length));
    });
  }

  #count(by: 'redis' | 'lease' | 'process', { allowed }: Verdict): void {
    this.#decisions.add(1, { by, outcome: allowed ? 'taken' : 'refused' });
  }
}

/** Two of each key: what was owed, and what was given. */
const areDebtsAndGrants =
  (keys: number) =>
  (answer: unknown): answer is number[] =>
    Array.isArray(answer) && answer.length === 2 * keys && answer.every((number) => isNumber(number) && number >= 0);

function unlessAway(error: unknown): undefined {
  if (!(error instanceof RedisUnavailable)) throw error;
}
