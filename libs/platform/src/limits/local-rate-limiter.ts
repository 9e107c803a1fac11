import { costOf, judge, type Claim, type Verdict } from './quota.ts';
import { keyOf, RateLimiter } from './rate-limiter.ts';
import { Recent } from './recent.ts';

/** How many keys are remembered: about 10 MB. */
const mostKeys = 50_000;

/**
 * Counts in this process alone: of n instances each lets the whole quota through. It is what is left when Redis is not
 * there, and remembers so many keys at most: of more, those that were quiet for longest are forgotten, and begin anew.
 */
export class LocalRateLimiter extends RateLimiter {
  /** When each key will owe nothing any more, in µs of the monotonic clock; the one that was used last is last. */
  readonly #freeAt: Recent<number>;

  constructor(most = mostKeys) {
    super();
    this.#freeAt = new Recent(most);
  }

  get size(): number {
    return this.#freeAt.size;
  }

  override take(claims: readonly Claim[]): Promise<Verdict> {
    const now = performance.now() * 1e3;
    const keys = claims.map(keyOf);
    const debts = keys.map((key) => Math.max(0, (this.#freeAt.get(key) ?? 0) - now));
    const verdict = judge(claims, debts);
    if (verdict.allowed)
      claims.forEach(({ quota }, index) =>
        this.#freeAt.set(keys[index] ?? '', now + (debts[index] ?? 0) + costOf(quota)),
      );
    return Promise.resolve(verdict);
  }
}
