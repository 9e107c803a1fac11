import { connectToPrimary } from '@shop/platform';
import type pg from 'pg';
import { SHARDS } from './outgoing.ts';
import type { LoggedMessage } from './read-ahead.ts';
import type { Waiting } from './metrics.ts';
import { RelayPause } from './relay-pause.ts';
import { Relay, SILENT_MS, type RelayOptions } from './relay.ts';
import { lsnText, type Lsn } from './wal-protocol.ts';
import { lookAtSlot, SlotLost, type Slot } from './wal-slot.ts';
import { WalStream } from './wal-stream.ts';
import { SlotWatch } from './wal-watch.ts';

export interface WalRelayOptions extends RelayOptions {
  /** The same database, directly, under a role that may replicate: more than a service may (docs/adr/0015). */
  readonly replicationUrl: string;
  /** How long the slot may stay where it is while the log grows, in ms, before those who wait for it raise an alarm. */
  readonly standsStillAfterMs?: number;
}

/** How often one who waits looks whether the slot is free. */
const LOOK_EVERY_MS = 250;
/** Beyond it much is held, and counting it would only take longer. */
const MOST_COUNTED = 100_000;
/** How often the reader looks whether anything was put back, and whether it could still publish. */
const LOOK_AGAIN_EVERY_MS = 1_000;
const ALL_SHARDS = Array.from({ length: SHARDS }, (_, shard) => shard);
const STANDS_STILL_AFTER_MS = 60_000;
/** The longest that a timer knows. */
const FOR_GOOD_MS = 2 ** 31 - 1;
/**
 * Where the log holds nothing for us, the slot follows in such steps: what it keeps on the server's disk is bounded,
 * and following makes no log of its own.
 */
const IDLE_STEP_BYTES = 1_048_576n;

/**
 * Publishes the messages that transactions left in the write-ahead log, in commit order, from one replication slot. Who
 * reads the slot owns it; others wait until it is free. It is moved only when the broker has everything up to there,
 * and where it moves to is written down first. So a kill in between repeats a batch; and a slot that is missing, or
 * stands where nobody left it, is known for what it is: messages are gone. That is an alarm: nothing more is accepted
 * or published, and nobody makes a new slot but a person.
 */
export class WalRelay extends Relay {
  readonly #replicationUrl: string;
  readonly #watch: SlotWatch;
  readonly #firstLook = Promise.withResolvers<void>();
  #trouble: string | undefined = 'Nobody has looked yet whether the log is read.';
  #owns = false;
  #log: WalStream | undefined;
  #inHand: readonly LoggedMessage[] = [];

  constructor({ replicationUrl, standsStillAfterMs = STANDS_STILL_AFTER_MS, ...options }: WalRelayOptions) {
    super(options);
    this.#replicationUrl = replicationUrl;
    this.#watch = new SlotWatch(standsStillAfterMs);
    this.#firstLook.promise.catch(() => {}); // whoever asks by ready() hears of it
  }

  /** Whether this instance reads the slot. */
  get owns(): boolean {
    return this.#owns;
  }

  override get trouble(): string | undefined {
    return this.#trouble;
  }

  /** What is committed before the slot has been made would never be read. */
  override ready(): Promise<void> {
    return this.#firstLook.promise;
  }

  override wake(): void {
    this.#log?.nudge();
  }

  override async stop(): Promise<void> {
    await super.stop();
    this.#firstLook.resolve();
  }

  protected override async session(): Promise<void> {
    try {
      await this.#read();
    } catch (error) {
      this.#firstLook.reject(error);
      if (!(error instanceof SlotLost)) throw error;
      await this.#alarm(error);
    }
  }

  /**
   * On one connection the log is read, on the other it is written down how far: the first can do nothing else
   * meanwhile.
   */
  async #read(): Promise<void> {
    const books = await this.#connect();
    try {
      this.#log = await WalStream.open({
        replicationUrl: this.#replicationUrl,
        stopping: this.stopping,
        onHeard: () => this.heard(),
      });
      const slot = await this.#own(books, this.#log);
      this.#owns = slot !== undefined;
      if (slot) await this.#publishUntilStopped(books, this.#log, slot.position);
    } finally {
      [this.#owns, this.#inHand] = [false, []];
      await this.#log?.close();
      this.#log = undefined;
      await books.end().catch(() => {});
    }
  }

  /** To the server that takes writes: how far the log was read is written there. */
  #connect(): Promise<pg.Client> {
    const config: pg.ClientConfig = {
      application_name: 'relay',
      keepAlive: true,
      connectionTimeoutMillis: 5_000,
      query_timeout: 10_000,
      options: `-c statement_timeout=10000 -c tcp_user_timeout=${SILENT_MS}`,
    };
    return connectToPrimary(this.options.connectionString, config, (books) => {
      books.on('error', (error) => this.options.log.warn({ err: error }, 'relay connection failed'));
    });
  }

  /** Waits until the slot is free, and begins to read it. */
  async #own(books: pg.Client, log: WalStream): Promise<Slot | undefined> {
    while (!this.stopping.aborted) {
      const slot = await lookAtSlot(books, (name) => log.makeSlot(name));
      this.heard();
      if (slot) {
        this.#trouble = undefined;
        this.#firstLook.resolve();
      }
      if (slot?.free && (await this.proven())) {
        log.start(slot.name);
        return slot;
      }
      if (slot) this.#lookOn(slot);
      await this.pause(LOOK_EVERY_MS);
    }
    return undefined;
  }

  /** Another instance reads, or none can: whether it gets on. */
  #lookOn(slot: Slot): void {
    const still = this.#watch.look(slot, performance.now());
    if (still)
      this.options.log.error(
        { slot: slot.name, at: lsnText(slot.stands), ...still },
        'the outbox stands still: its log is read, and nothing of it is published',
      );
  }

  async #publishUntilStopped(books: pg.Client, log: WalStream, position: Lsn): Promise<void> {
    const [down, pause] = [this.hold(books), new RelayPause(books)];
    let [confirmed, lookedAt] = [position, -Infinity];
    while (!this.stopping.aborted) {
      if (performance.now() - lookedAt >= LOOK_AGAIN_EVERY_MS) {
        await this.proveNowAndThen();
        await down.look(ALL_SHARDS);
        while ((await pause.look(down.isUnderWay)) && !this.stopping.aborted) await this.pause(LOOK_EVERY_MS);
        lookedAt = performance.now();
      }
      if (down.size > 0) await down.tend(ALL_SHARDS);
      // Comes round at least once a second, when the server says that it lives.
      const { messages, upTo } = await log.next();
      this.#inHand = messages;
      if (messages.length > 0) await this.#carry(books, messages);
      this.#inHand = [];
      if (upTo === undefined || (messages.length === 0 && upTo < confirmed + IDLE_STEP_BYTES)) continue;
      await books.query({
        name: 'slot-position',
        text: 'UPDATE outbox_slot SET position = greatest(position, $1)',
        values: [lsnText(upTo)],
      });
      log.confirm((confirmed = upTo));
    }
  }

  /**
   * What is held or set aside is written down before the slot moves on: a destination that does not answer must not
   * make the server keep its log.
   */
  async #carry(books: pg.Client, messages: readonly LoggedMessage[]): Promise<void> {
    const { refused, held } = await this.publish(messages, () => {}); // the stream has a heart of its own
    if (refused.length > 0)
      await setDown(
        books,
        'outbox_rejected',
        'reason',
        refused.map(({ message, reason }) => [message, reason]),
      );
    if (held.length > 0)
      await setDown(
        books,
        'outbox_held',
        'behind',
        held.map(({ message, behind }) => [message, behind]),
      );
  }

  /** Stops for good: what is needed is a person. */
  async #alarm(lost: SlotLost): Promise<void> {
    this.#trouble = lost.message;
    this.options.log.error({ err: lost }, 'the outbox is closed: nothing more is accepted or published');
    await this.pause(FOR_GOOD_MS);
  }

  /** One who waits knows only for how long the slot has stood still while the log grew. */
  protected override async waiting(client: pg.Client): Promise<Waiting> {
    const waiting = [...this.#inHand, ...(this.#log?.ahead.messages ?? [])];
    const inHandMs = waiting[0] ? performance.now() - waiting[0].readAt : 0;
    const { rows } = await client.query<{ held: number; heldMs: number }>({
      name: 'held-measure',
      text: `SELECT count(*)::int AS held, coalesce(extract(epoch FROM clock_timestamp() - min(created_at)) * 1000, 0)::float8 AS "heldMs" FROM (SELECT created_at FROM outbox_held LIMIT ${MOST_COUNTED}) AS counted`,
    });
    const { held = 0, heldMs = 0 } = rows[0] ?? {};
    const oldestMs = Math.max(inHandMs, heldMs, this.#owns ? 0 : this.#watch.stillMs(performance.now()));
    return { messages: waiting.length + held, held, oldestMs };
  }
}

/** A batch that is read again after a kill is there already. */
async function setDown(
  books: pg.Client,
  table: 'outbox_rejected' | 'outbox_held',
  why: 'reason' | 'behind',
  rows: readonly (readonly [LoggedMessage, string])[],
): Promise<void> {
  const column = (of: (message: LoggedMessage) => unknown) => rows.map(([message]) => of(message));
  await books.query(
    `INSERT INTO ${table} (shard, id, topic, key, payload, created_at, ${why})
     SELECT * FROM unnest($1::smallint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::timestamptz[], $7::text[]) ON CONFLICT DO NOTHING`,
    [
      column(({ shard }) => shard),
      column(({ id }) => id),
      column(({ topic }) => topic),
      column(({ key }) => key),
      column(({ payload }) => payload),
      column(({ committedAt }) => new Date(committedAt)),
      rows.map(([, text]) => text),
    ],
  );
}
