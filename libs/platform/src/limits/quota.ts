/** So many requests in so long a time; up to all of them at once. */
export interface Quota {
  /** Its name in RateLimit headers and in keys: `write-user`. */
  readonly name: string;
  readonly limit: number;
  readonly seconds: number;
}

/** One request counts against a quota of somebody: a user, a client, an address. */
export interface Claim {
  readonly quota: Quota;
  /** Whose: unique within the quota. */
  readonly whose: string;
}

/** Where somebody stands after a request, taken or refused. */
export interface Standing {
  readonly quota: Quota;
  readonly remaining: number;
  /** Milliseconds until the whole quota is there again. */
  readonly resetMs: number;
  /** Milliseconds until one more request is taken; 0 where it was. */
  readonly retryMs: number;
}

export interface Verdict {
  readonly allowed: boolean;
  readonly standings: readonly Standing[];
}

/** What one request costs of a quota, in µs: as long as it takes to earn it. */
export const costOf = ({ limit, seconds }: Quota): number => Math.floor((seconds * 1e6) / limit);
/** What may be owed at most, in µs. */
export const creditOf = (quota: Quota): number => costOf(quota) * quota.limit;

/**
 * GCRA, the generic cell rate algorithm (ITU-T I.371; "theoretical arrival time"), said as a debt: each request costs
 * the time in which one is earned, the debt melts as time goes by, and nobody may owe more than the whole quota. One
 * number per key, no window at whose edge twice the quota fits, and refusals cost nothing, so that a client that asks
 * too often is not shut out for ever. A request is taken when each of its quotas takes it; then it counts against all,
 * otherwise against none. `debts`: what each owed before it, in µs.
 */
export function judge(claims: readonly Claim[], debts: readonly number[]): Verdict {
  const allowed = claims.every(({ quota }, index) => fits(quota, debts[index] ?? 0));
  const standings = claims.map(({ quota }, index) => standing(quota, debts[index] ?? 0, allowed));
  return { allowed, standings };
}

function fits(quota: Quota, debt: number): boolean {
  return debt + costOf(quota) <= creditOf(quota);
}

function standing(quota: Quota, before: number, taken: boolean): Standing {
  const [cost, credit] = [costOf(quota), creditOf(quota)];
  const debt = taken ? before + cost : before;
  const retryMs = taken || fits(quota, before) ? 0 : (before + cost - credit) / 1e3;
  return { quota, remaining: Math.max(0, Math.floor((credit - debt) / cost)), resetMs: debt / 1e3, retryMs };
}
