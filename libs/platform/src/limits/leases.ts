import { Recent } from './recent.ts';

/** Requests of one key that were counted before they came. */
interface Lease {
  /** When it was taken, in ms of the monotonic clock, how many it was for, and how many of them are left. */
  readonly takenAt: number;
  readonly size: number;
  left: number;
  /** What was owed right after it was taken, all of it included, in µs. */
  readonly debt: number;
  /** When more was last asked for. */
  askedAt: number;
}

/** Of so many requests, and what was owed before them, in µs. */
export interface Grant {
  readonly count: number;
  readonly before: number;
}

/**
 * Requests are taken for so long ahead, in ms: as many as came in that time. What is unused after twice the time is
 * lost.
 */
const AHEAD_MS = 100;
/** No more at once than this, and no more than double of the last time. */
const MOST = 128;
/** How many keys are remembered: about 10 MB. */
const MOST_KEYS = 50_000;

/**
 * Parts of quotas that this process has taken ahead, so that of a thousand requests a second some ten ask Redis, and
 * nobody waits for those. They are counted before they are used, so that nobody ever gets more than a quota; whoever
 * falls silent in the middle of a rush loses what was taken for him: about what he used in the last tenth of a second.
 * Who comes now and then has one request taken at a time, which is the exact count.
 */
export class Leases {
  readonly #held = new Recent<Lease>(MOST_KEYS);

  /**
   * Uses one request of what is held for `key`, where something is: answers what is owed without it, in µs. `cost`: of
   * one request, in µs.
   */
  use(key: string, cost: number, now: number): number | undefined {
    const lease = this.#valid(key, now);
    if (!lease || lease.left === 0) return undefined;
    const owed = Math.max(0, lease.debt - (now - lease.takenAt) * 1e3 - lease.left * cost);
    lease.left--;
    return owed;
  }

  /** What `use` took was not needed after all. */
  giveBack(key: string): void {
    const lease = this.#held.get(key);
    if (lease && lease.left < lease.size) lease.left++;
  }

  /** Whether it is time to ask for more, so that nobody will have to wait for it. */
  isLow(key: string, now: number): boolean {
    const lease = this.#held.get(key);
    return lease !== undefined && lease.size > 4 && lease.left < lease.size / 4 && now - lease.askedAt > AHEAD_MS;
  }

  /**
   * How many requests of `key` to ask for: as many as are likely to come soon, unless somebody is asking for them
   * already.
   */
  wanted(key: string, now: number): number {
    const lease = this.#held.get(key);
    if (!lease || now - lease.askedAt <= AHEAD_MS) return 1;
    lease.askedAt = now;
    const soon = ((lease.size - lease.left) * AHEAD_MS) / Math.max(1, now - lease.takenAt);
    return Math.max(1, Math.floor(Math.min(soon, 2 * lease.size, MOST)));
  }

  /** Keeps what was granted for `key`, beside what is left. */
  add(key: string, { count, before }: Grant, cost: number, now: number): void {
    const left = count + (this.#valid(key, now)?.left ?? 0);
    this.#held.set(key, { takenAt: now, size: left, left, debt: before + count * cost, askedAt: -Infinity });
  }

  #valid(key: string, now: number): Lease | undefined {
    const lease = this.#held.get(key);
    return lease && now - lease.takenAt <= 2 * AHEAD_MS ? lease : undefined;
  }
}
