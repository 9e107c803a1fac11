/**
 * What may be committed for one partition: the end of the longest prefix of deliveries that have all been handled.
 * Messages are handled side by side, so a later one may be done first; committing it would lose the earlier one in a
 * crash.
 */
export class Offsets {
  #waiting: { offset: bigint; done: boolean }[] = [];
  #last = -1n;
  #end: bigint | undefined;
  #committed = -1n;

  /**
   * Notes a delivery; the returned function marks it handled. An offset that is not beyond the last one means that the
   * partition is being read again (a rebalance): what was noted before no longer counts, since all of it comes again.
   */
  add(offset: bigint): () => void {
    if (offset <= this.#last) [this.#waiting, this.#end, this.#committed] = [[], undefined, -1n];
    this.#last = offset;
    const entry = { offset, done: false };
    this.#waiting.push(entry);
    return () => {
      entry.done = true;
      if (!this.#waiting.includes(entry)) return;
      while (this.#waiting[0]?.done) {
        this.#end = this.#waiting[0].offset + 1n;
        this.#waiting.shift();
      }
    };
  }

  /** The next offset to read after a restart; undefined while no more has been handled than is committed. */
  get next(): bigint | undefined {
    return this.#end !== undefined && this.#end > this.#committed ? this.#end : undefined;
  }

  /** The broker has this, from whomever. */
  committed(next: bigint): void {
    this.#committed = next;
  }
}
