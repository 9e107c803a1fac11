import type { Lsn } from './wal-protocol.ts';

/** The log has to have grown by so much past the slot: a slot whose log holds nothing for it follows in steps. */
const BEHIND_BYTES = 4_194_304n;

export interface StandingStill {
  readonly ms: number;
  readonly behindBytes: number;
}

/**
 * Notices from outside that whoever reads the slot lives and does not get on: it says so itself only as long as it
 * knows.
 */
export class SlotWatch {
  readonly #afterMs: number;
  #stands: Lsn | undefined;
  #since = 0;
  #told = false;
  #behind = 0n;

  /** `afterMs`: how long the slot may stay where it is while the log grows. */
  constructor(afterMs: number) {
    this.#afterMs = afterMs;
  }

  /** For how long the slot has stood still while the log grew, in ms. */
  stillMs(now: number): number {
    return this.#behind < BEHIND_BYTES ? 0 : now - this.#since;
  }

  /** Answers once for each place at which the slot stands for too long. `now` in ms. */
  look({ stands, head }: { readonly stands: Lsn; readonly head: Lsn }, now: number): StandingStill | undefined {
    const behind = (this.#behind = head - stands);
    if (stands !== this.#stands || behind < BEHIND_BYTES) {
      [this.#stands, this.#since, this.#told] = [stands, now, false];
      return undefined;
    }
    const ms = now - this.#since;
    if (this.#told || ms < this.#afterMs) return undefined;
    this.#told = true;
    return { ms, behindBytes: Number(behind) };
  }
}
