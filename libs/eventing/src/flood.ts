const WINDOW_MS = 10_000;

/**
 * Tells a few bad messages from a bad day: when too many fail within ten seconds, the fault is not theirs, and going on
 * would only move the topic into the dead letters.
 */
export class Flood {
  readonly #limit: number;
  readonly #pauseMs: number;
  #failures: number[] = [];
  #until = 0;

  constructor(limit: number, pauseMs: number) {
    this.#limit = limit;
    this.#pauseMs = pauseMs;
  }

  /** Notes a failure; answers whether it is the one too many, from which the pause begins. */
  rises(now = performance.now()): boolean {
    this.#failures = [...this.#failures.filter((at) => now - at < WINDOW_MS), now];
    if (this.#failures.length < this.#limit) return false;
    this.#failures = [];
    this.#until = now + this.#pauseMs;
    return true;
  }

  /** Milliseconds still to wait. */
  pauseMs(now = performance.now()): number {
    return Math.max(0, this.#until - now);
  }
}
