export interface RetryBudgetOptions {
  /** How many retries each first attempt pays for: 0.1 is one in ten. */
  readonly ratio?: number;
  /** How many may be saved up, and how many there are to begin with, so that a quiet service may retry at all. */
  readonly reserve?: number;
}

/**
 * How much may be asked again: a token bucket that first attempts fill and repetitions empty. However many callers
 * there are, and however much fails, the other side gets at most 1 + `ratio` times the requests, and `reserve` more:
 * repetitions cannot be what keeps it down. After Finagle's RetryBudget
 * (https://twitter.github.io/finagle/guide/Clients.html#retries) and the SRE book, "Handling Overload".
 */
export class RetryBudget {
  readonly #ratio: number;
  readonly #reserve: number;
  #tokens: number;

  constructor({ ratio = 0.1, reserve = 10 }: RetryBudgetOptions = {}) {
    [this.#ratio, this.#reserve, this.#tokens] = [ratio, reserve, reserve];
  }

  /** A first attempt is made. */
  earn(): void {
    this.#tokens = Math.min(this.#reserve, this.#tokens + this.#ratio);
  }

  /** Whether one repetition may be made; then it is paid for. */
  spend(): boolean {
    // Ten times 0.1 is a little less than 1.
    if (this.#tokens < 1 - 1e-9) return false;
    this.#tokens -= 1;
    return true;
  }
}
