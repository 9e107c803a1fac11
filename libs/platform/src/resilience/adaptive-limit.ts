import type { CallOutcome } from './call-policy.ts';

/** Fewer than these are let through whatever they meet: calls under way. */
const LEAST = 8;
const SHRINK = 0.7;

export interface AdaptiveLimitOptions {
  /** Calls under way at most, and to begin with: what the bulkhead behind it lets through. */
  readonly most: number;
  /** Calls that may wait for their turn while the limit is lower than that and reached. */
  readonly queue: number;
  /** An answer that takes longer, in ms, says that the other party has more to do than it can. */
  readonly slowMs: number;
  /** Whether an answer, or an error, says so. */
  readonly isTooMuch: (outcome: CallOutcome) => boolean;
}

/**
 * How many calls the other party can be trusted with at the moment: additive increase, multiplicative decrease (Chiu
 * and Jain, 1989; what TCP does). Each answer in time lets a little more through, and one that is slow, or says that
 * there is too much to do, a third less, once for all that were under way together. Without it, what piled up during an
 * outage comes back at once, all of it is late, and so nothing is ever done in time again.
 */
export class AdaptiveLimit {
  readonly #options: AdaptiveLimitOptions;
  #limit: number;
  #underWay = 0;
  #shrunkAt = -Infinity;
  readonly #waiting: (() => void)[] = [];

  constructor(options: AdaptiveLimitOptions) {
    this.#options = options;
    this.#limit = options.most;
  }

  /** Calls under way at most, as of now. */
  get limit(): number {
    return Math.floor(this.#limit);
  }

  /**
   * Whether one more would be too much. At its most it stands in nobody's way: there the bulkhead decides, and who may
   * wait for a turn.
   */
  get isReached(): boolean {
    return this.limit < this.#options.most && this.#underWay >= this.limit;
  }

  /**
   * Resolves when a call may be made: at once, or when one of those under way has ended. Answers false where as many
   * wait as may; throws when the time of this one is up.
   */
  async turn(signal: AbortSignal): Promise<boolean> {
    if (!this.isReached) return true;
    if (this.#waiting.length >= this.#options.queue) return false;
    await new Promise<void>((go) => this.#waiting.push(go));
    if (!signal.aborted) return true;
    this.#letGo();
    throw signal.reason;
  }

  /** Makes the call and learns from how it went. */
  async watch<T>(call: () => Promise<T>): Promise<T> {
    const { isTooMuch } = this.#options;
    const began = performance.now();
    this.#underWay++;
    try {
      const answer = await call();
      this.#learn(began, isTooMuch({ answer }));
      return answer;
    } catch (error) {
      this.#learn(began, isTooMuch({ error }));
      throw error;
    } finally {
      this.#underWay--;
      this.#letGo();
    }
  }

  #letGo(): void {
    for (let free = this.limit - this.#underWay; free > 0; free--) this.#waiting.shift()?.();
  }

  #learn(began: number, tooMuch: boolean): void {
    const { most, slowMs } = this.#options;
    const now = performance.now();
    if (!tooMuch && now - began <= slowMs) {
      // Only what is made use of has been tried.
      if (this.#underWay * 2 >= this.#limit) this.#limit = Math.min(most, this.#limit + 1 / this.#limit);
    } else if (began > this.#shrunkAt) {
      this.#limit = Math.max(Math.min(LEAST, most), this.#limit * SHRINK);
      this.#shrunkAt = now;
    }
  }
}
