import type { Claim, Verdict } from './quota.ts';

/** Who counts requests. Never fails: whoever cannot count decides what is done then, and says so. */
export abstract class RateLimiter {
  /** Takes one request, which counts against all of these quotas, or refuses it. */
  abstract take(claims: readonly Claim[]): Promise<Verdict>;
}

/**
 * The key of a claim, unique among all quotas. One decision looks at several of them at once, and who asks together is
 * not known before: so all bear one hash tag, and lie in one slot of a Redis Cluster.
 */
export const keyOf = ({ quota, whose }: Claim): string => `{limit}:${quota.name}:${whose}`;
