import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { storeTopic, type ConsumerName } from '@shop/contracts';
import { DomainError } from '@shop/kernel';
import type { Database } from '@shop/platform';
import type { MessageBus } from './bus.ts';
import type { Log } from './consumer-runtime.ts';
import type { MessagingMetrics } from './metrics.ts';
import {
  markOf,
  restoredFrom,
  sentenceOfRestored,
  textOf,
  type Restored,
  type StoreMark,
  type StoreStanding,
} from './store-mark.ts';

/** The database is an older state of what the bus knows, or another one. The message is for people. */
export class StoreRestored extends Error {
  override readonly name = 'StoreRestored';
}

export interface StoreEpochOptions {
  readonly database: Pick<Database, 'query' | 'admitBy'>;
  readonly bus: MessageBus;
  /** Of the service: by their inboxes it is seen that something has changed, and by their names whose they are. */
  readonly consumers: () => readonly ConsumerName[];
  readonly log: Log;
  readonly metrics?: Pick<MessagingMetrics, 'restored'>;
  /** How often it is looked, in ms. */
  readonly everyMs?: number;
  /** How long a start waits for a database that does not answer, in ms. */
  readonly patienceMs?: number;
  /** The same of the bus, in ms; after that the service is up, and closed. */
  readonly busPatienceMs?: number;
}

const EVERY_MS = 1_000;
/** Counted up as often while nothing changes: so instances see of each other that they live. */
const IDLE_MS = 10_000;
/** An instance that has compared, and counted so lately, vouches for the database while the bus does not answer. */
const VOUCHED_MS = 3 * IDLE_MS;
const PATIENCE_MS = 30_000;
/** A topic that has just been made is not known everywhere at once. */
const [BUS_PATIENCE_MS, LOOK_AGAIN_MS] = [5_000, 250];

interface Row extends StoreMark {
  readonly follows: StoreStanding['follows'];
  /** Whether this look counted up. */
  readonly counted: boolean;
  readonly ageMs: number;
}

const FOLLOWS = `(SELECT coalesce(json_agg(json_build_object('epoch', follows_epoch, 'mark', follows_mark)), '[]') FROM store_epochs) AS follows`;
const timeOf = (column: string) => `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS at`;
/** What a database says of itself. */
export const STANDING = `SELECT epoch, mark::float8 AS mark, ${timeOf('marked_at')}, ${FOLLOWS} FROM store_mark`;

/**
 * Counts up, at most once a second, where something has changed and the database stands no further back than this
 * process knows.
 */
const LOOK = `
  WITH here AS (
    SELECT (SELECT last_value FROM outbox_id_seq)::text || ' ' || coalesce((SELECT position::text FROM outbox_slot), '') || ' ' ||
           coalesce((SELECT max(newest.at)::text FROM unnest($1::text[]) AS c(name)
                     CROSS JOIN LATERAL (SELECT handled_at AS at FROM inbox WHERE consumer = c.name ORDER BY handled_at DESC LIMIT 1) AS newest), '') AS position),
  counted AS (
    UPDATE store_mark SET mark = mark + 1, position = here.position, marked_at = clock_timestamp() FROM here
    WHERE $2::uuid = epoch AND mark >= $3 AND marked_at < clock_timestamp() - $4 * interval '1 millisecond'
      AND (store_mark.position <> here.position OR marked_at < clock_timestamp() - $5 * interval '1 millisecond')
    RETURNING mark, marked_at)
  SELECT epoch, coalesce(counted.mark, store_mark.mark)::float8 AS mark, ${timeOf('coalesce(counted.marked_at, store_mark.marked_at)')},
         counted.mark IS NOT NULL AS counted, (extract(epoch FROM clock_timestamp() - store_mark.marked_at) * 1000)::float8 AS "ageMs",
         ${FOLLOWS}
  FROM store_mark LEFT JOIN counted ON true`;

/**
 * Notices that the database of a service is an older state than what the bus knows: restored from a backup, or failed
 * over to a replica that lacked the last commits. About once a second, while something changes, a number in the
 * database is counted up, and published after its commit to a topic of the service's own; so the bus never knows more
 * than the database, unless that was put back. It is compared at the start, before anything is served or taken, and in
 * a process that runs with what it has seen itself.
 *
 * While the bus does not answer, nobody can compare: an instance waits, not ready, unless another one that has compared
 * is alive beside it.
 */
export class StoreEpoch {
  readonly #options: StoreEpochOptions;
  readonly #everyMs: number;
  readonly #opened = Promise.withResolvers<void>();
  /** The furthest that this process has seen. */
  #known: StoreMark | undefined;
  #compared = false;
  #isOpen = false;
  #restored: string | undefined;
  #waitsFor = 'it has not been compared with the bus yet';
  #renewed = false;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> | undefined;
  #stopped = false;
  #publishing = false;
  #onRestored: () => void = () => {};

  constructor(options: StoreEpochOptions) {
    this.#options = options;
    this.#everyMs = options.everyMs ?? EVERY_MS;
  }

  /** Resolves when the database may be served from; not before the bus, or another instance, has vouched for it. */
  get opened(): Promise<void> {
    return this.#opened.promise;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Why nothing may be served, for people to read. */
  get trouble(): string | undefined {
    return this.#restored ?? (this.#isOpen ? undefined : `the store is closed: ${this.#waitsFor}`);
  }

  /** Whether the database was found to be an older state. */
  get isRestored(): boolean {
    return this.#restored !== undefined;
  }

  /** Whether another epoch has begun since this process started: what it remembers is of a store that is no more. */
  get isOutlived(): boolean {
    return this.#renewed;
  }

  /** `listener` is called once, when the database under this process turns out to be an older state. */
  onRestored(listener: () => void): void {
    this.#onRestored = listener;
  }

  /** Compares, unless the bus does not answer, and goes on looking. Throws StoreRestored. */
  async start(): Promise<void> {
    this.#options.database.admitBy((ask) => this.#admitConnection(ask));
    await this.#ensure(performance.now() + (this.#options.patienceMs ?? PATIENCE_MS));
    await this.look();
    const { busPatienceMs = BUS_PATIENCE_MS } = this.#options;
    for (
      const until = performance.now() + busPatienceMs;
      !this.#isOpen && !this.#restored && performance.now() < until;
      await this.look()
    )
      await sleep(LOOK_AGAIN_MS);
    if (this.#restored) throw new StoreRestored(this.#restored);
    this.#next();
  }

  /** Looks now. Rejects where this database must not be used: asked before anything is taken on a new connection. */
  async admit(): Promise<void> {
    await this.look();
    if (this.trouble !== undefined) throw new StoreRestored(this.trouble);
  }

  /**
   * A new connection, before it is used: a database that is put back under a running process breaks every one that was
   * open.
   */
  async #admitConnection(ask: <T>(text: string) => Promise<T[]>): Promise<void> {
    // Before the database is asked: a look that ends meanwhile knows of a mark that this answer cannot have.
    const known = this.#known;
    const [row] = await ask<StoreStanding>(STANDING);
    if (!row || !known || !this.#found(row, known)) return;
    throw new StoreRestored(this.#restored);
  }

  /** One look; never rejects: what cannot be seen now is looked at next time. */
  look(): Promise<void> {
    return (this.#looking ??= this.#look()
      .catch((error: unknown) =>
        this.#options.log.warn({ err: error }, 'the mark of the store could not be looked at; trying again'),
      )
      .finally(() => {
        this.#looking = undefined;
        this.#options.metrics?.restored(this.isRestored);
      }));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#looking;
  }

  /** Consumers are named `<service>.<what>`. */
  get service(): string {
    return this.#options.consumers()[0]?.split('.')[0] ?? '';
  }

  #next(): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => void this.look().then(() => this.#next()), this.#everyMs).unref();
  }

  /** The first instance ever gives the store its name. */
  async #ensure(until: number): Promise<void> {
    for (;;) {
      try {
        await this.#options.database.query(
          'INSERT INTO store_mark (epoch, marked_at) VALUES ($1, to_timestamp(0)) ON CONFLICT ON CONSTRAINT store_mark_pkey DO NOTHING',
          [randomUUID()],
        );
        return;
      } catch (error) {
        if (!(error instanceof DomainError && error.kind === 'unavailable') || performance.now() > until) throw error;
        await sleep(500);
      }
    }
  }

  async #look(): Promise<void> {
    // The bus before the database: what others count up and publish in between makes nobody look older.
    const asked = this.#compared ? undefined : await this.#ask();
    const row = await this.#row();
    if (asked?.last && this.#found(row, asked.last)) return;
    if (asked) this.#compared = true;
    if (this.#known && this.#found(row, this.#known)) return;
    // Put right under a process that has stopped its work: it begins anew.
    if (this.#restored !== undefined || (this.#known && row.epoch !== this.#known.epoch)) this.#renewed = true;
    if (this.#restored !== undefined) return;
    this.#known = { epoch: row.epoch, mark: row.mark, at: row.at };
    if (!this.#isOpen && (this.#compared || row.ageMs < VOUCHED_MS)) this.#open();
    if (this.#compared && (row.counted || asked)) this.#publish(this.#known);
  }

  async #row(): Promise<Row> {
    const { database, consumers } = this.#options;
    const own = consumers();
    // Counted only by who knows that it is well: a mark is also a sign of life for others.
    const [epoch, mark] = this.#compared && this.#isOpen ? [this.#known?.epoch, this.#known?.mark] : [];
    const [row] = await database.query<Row>(LOOK, [own, epoch, mark, this.#everyMs * 0.9, IDLE_MS], 'store-look');
    if (!row) throw new Error('the store has no mark: its row is gone');
    return row;
  }

  /** What the bus knows; undefined while it does not answer. */
  async #ask(): Promise<{ last: StoreMark | undefined } | undefined> {
    try {
      const newest = await this.#options.bus.newest(storeTopic(this.service));
      return { last: newest === undefined ? undefined : markOf(newest) };
    } catch (error) {
      this.#waitsFor = `it cannot be compared with the bus, which does not answer (${(error as Error).message}), and no other instance vouches for it`;
      return undefined;
    }
  }

  #found(row: StoreStanding, last: StoreMark): boolean {
    const why: Restored | undefined = restoredFrom(row, last);
    if (!why) return false;
    const wasRestored = this.#restored !== undefined;
    this.#restored = sentenceOfRestored(this.service, why, row, last);
    this.#isOpen = false;
    if (wasRestored) return true;
    this.#options.log.error({ here: row.mark, bus: last.mark, epoch: row.epoch }, this.#restored);
    this.#onRestored();
    return true;
  }

  #open(): void {
    this.#isOpen = true;
    this.#opened.resolve();
  }

  /** One at a time, and waited for by nobody: the next one says more. */
  #publish(mark: StoreMark): void {
    if (this.#publishing) return;
    this.#publishing = true;
    const { bus, log } = this.#options;
    bus
      .publish([{ topic: storeTopic(this.service), key: this.service, value: textOf(mark) }])
      .catch((error: unknown) =>
        log.warn({ err: error }, 'the mark of the store could not be published; the next one will be'),
      )
      .finally(() => (this.#publishing = false));
  }
}
