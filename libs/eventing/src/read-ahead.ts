import { BATCH, BATCH_BYTES, type OutboxMessage } from './relay.ts';
import type { Lsn } from './wal-protocol.ts';

/** A message as it was committed, at `committedAt` (ms since 1970). Its id is its place in the log. */
export interface LoggedMessage extends OutboxMessage {
  readonly committedAt: number;
  /** When it was read from the log, in ms of the monotonic clock. */
  readonly readAt: number;
}

/**
 * What was read of the log, in commit order. `upTo`: where the log need not be read from any more once all this is
 * published; absent within a long transaction.
 */
export interface LogBatch {
  readonly messages: readonly LoggedMessage[];
  readonly upTo: Lsn | undefined;
}

interface Entry {
  readonly message?: LoggedMessage;
  readonly bytes: number;
  upTo?: Lsn;
}

/** Beyond it no more is read, and the server waits. */
const MOST_BYTES = 4 * BATCH_BYTES;

/** What has been read of the log and not been taken yet. */
export class ReadAhead {
  readonly #entries: Entry[] = [];
  #bytes = 0;
  /** Entries that end something whole. */
  #whole = 0;

  get isFull(): boolean {
    return this.#bytes >= MOST_BYTES;
  }

  /** Whether there is something whole to take, or as much as a batch may hold of a long transaction. */
  get isReady(): boolean {
    return this.#whole > 0 || this.#entries.length >= BATCH || this.#bytes >= BATCH_BYTES;
  }

  get messages(): LoggedMessage[] {
    return this.#entries.flatMap(({ message }) => message ?? []);
  }

  add(message: LoggedMessage): void {
    const bytes = Buffer.byteLength(message.payload);
    this.#entries.push({ message, bytes });
    this.#bytes += bytes;
  }

  /** Everything that has been added so far lies before this place, and nothing that has not. */
  reached(place: Lsn): void {
    const last = this.#entries.at(-1);
    if (last?.upTo === undefined) this.#whole++;
    if (last) last.upTo = place;
    else this.#entries.push({ bytes: 0, upTo: place });
  }

  /**
   * As much as a batch may hold, at least one message if there is any; not the beginning of a transaction behind the
   * end of another.
   */
  take(): LogBatch {
    const messages: LoggedMessage[] = [];
    let [upTo, bytes]: [Lsn | undefined, number] = [undefined, 0];
    for (let entry = this.#entries[0]; entry && messages.length < BATCH; entry = this.#entries[0]) {
      if (messages.length > 0 && bytes + entry.bytes > BATCH_BYTES) break;
      if (upTo !== undefined && this.#whole === 0) break;
      if (entry.upTo !== undefined) this.#whole--;
      this.#entries.shift();
      bytes += entry.bytes;
      if (entry.message) messages.push(entry.message);
      upTo = entry.upTo ?? upTo;
    }
    this.#bytes -= bytes;
    return { messages, upTo };
  }
}
