const LOOK_AT_ALL_EVERY_MS = 60_000;

/**
 * Up to which time a table whose rows fall due has been looked through. As long as anybody on the server holds an old
 * snapshot, rows that have gone stay in the index, at its beginning, and every look would wade through all of them. So
 * the next look begins where the last one ended; a little earlier, since a transaction may commit a time that has gone
 * by; and now and then with all of it.
 */
export class LookedThrough {
  #through = '-infinity';
  #allLookedAt = -Infinity;

  /** From when on to look, as the database writes times. Asked once for each look. */
  from(): string {
    const now = performance.now();
    if (now - this.#allLookedAt > LOOK_AT_ALL_EVERY_MS) [this.#through, this.#allLookedAt] = ['-infinity', now];
    return this.#through;
  }

  /** Nothing is left up to this time. */
  upTo(time: string | null | undefined): void {
    if (time) this.#through = time;
  }
}

/**
 * In SQL: the time from which on to look, given by `from()` as this parameter. No transaction that writes a time takes
 * longer than this.
 */
export const lookFrom = (parameter: string) => `${parameter}::timestamptz - interval '10 seconds'`;
