import { fold } from '@shop/kernel';
import type { Checkpoint } from '@shop/contracts';
import type { Database, Transaction } from '@shop/platform';
import type { Process } from './command-handler.ts';
import type { EventStore } from './event-store.ts';
import type { Outbox } from './outbox.ts';
import type { Outgoing } from './outgoing.ts';

/** An event that did not come to a reader. */
export interface Missing {
  readonly consumer: string;
  readonly stream: string;
  readonly version: number;
  readonly id: string;
}

export interface ReconcilerOptions<State, Command, Event extends { type: string }> {
  readonly database: Database;
  readonly store: EventStore;
  readonly outbox: Outbox;
  readonly process: Process<State, Command, Event>;
  /** How old an event must be before it can be missing: until then it is merely under way. In ms. */
  readonly graceMs?: number;
}

/** Clocks of instances differ: an event may bear a time that has been compared already when it is committed. */
const CLOCKS_DIFFER_MS = 5 * 60_000;
/** Of the time that lies behind, so much is compared at once, and so many events are sent again. */
const COMPARED_AT_ONCE_MS = 10 * 60_000;
const SENT_AT_ONCE = 100;
/** And so often one after the other, until none is left. */
const BATCHES_AT_ONCE = 50;
/** An event that never comes, however often it is sent, is not what a repetition mends. */
const TIMES = 5;
const PURGED_AT_ONCE = 5_000;
/** One instance compares at a time. */
const LOCK = 0x0b0e;

/**
 * Of a reader ($1) and a time ($2, $3): events that it has not told of, and that are not given up after so many times
 * ($4).
 */
const UNSEEN = `
  FROM events e LEFT JOIN checkpoints c ON c.consumer = $1 AND c.stream = e.stream
  WHERE e.recorded_at >= $2 AND e.recorded_at < $3 AND NOT coalesce(c.versions @> e.version, false)
    AND NOT EXISTS (SELECT 1 FROM reemissions r WHERE r.consumer = $1 AND r.stream = e.stream AND r.version = e.version AND r.times >= $4)
    AND NOT EXISTS (SELECT 1 FROM inbox i WHERE i.consumer = $1 AND i.message_id = e.id::text)`;
/**
 * Those of them that need not be sent: they were, within the grace period ($5, in ms), or they wait for their
 * destination.
 */
const ON_ITS_WAY = `(
  EXISTS (SELECT 1 FROM reemissions r WHERE r.consumer = $1 AND r.stream = e.stream AND r.version = e.version AND r.last_at >= now() - $5 * interval '1 millisecond')
  OR EXISTS (SELECT 1 FROM outbox_held h WHERE h.key = e.stream::text))`;

/**
 * Compares what happened, which the event store knows, with what its readers say has come to them (checkpoints.ts), and
 * announces again what is missing: under the id and time it has always had, so whoever has it already finds it in the
 * inbox. Nothing should ever be missing, and everything that is has been lost by some fault; so whatever this sends
 * again is an alarm.
 *
 * Missing is what a reader should have by its own word: it is older than the grace period, and since then the reader
 * has said that it is current and has not said that it is behind; and the outbox holds nothing that old. A reader that
 * is silent, behind, or away is not judged. Only facts are announced again: a step is asked for until it is answered
 * (awaited-answers.ts).
 */
export class Reconciler<State, Command, Event extends { type: string }> {
  readonly #options: ReconcilerOptions<State, Command, Event> & { graceMs: number };

  constructor(options: ReconcilerOptions<State, Command, Event>) {
    this.#options = { graceMs: 60_000, ...options };
  }

  /**
   * Writes down what a reader has said, `at` the time of its message (ISO 8601), in the transaction of its inbox row.
   * Nobody has said anything later than it is here: the clock of a reader that runs ahead would have events missed that
   * it cannot have seen yet.
   */
  async note(tx: Transaction, { consumer, current, seen, ids = [] }: Checkpoint, at: string): Promise<void> {
    await tx.query(
      `INSERT INTO checkpoint_readers (consumer, since, compared_to, current_at, behind_at)
       SELECT $1, said.at, said.at, CASE WHEN $3 THEN said.at END, CASE WHEN NOT $3 THEN said.at END FROM (SELECT least($2::timestamptz, clock_timestamp()) AS at) AS said
       ON CONFLICT ON CONSTRAINT checkpoint_readers_pkey DO UPDATE
         SET current_at = greatest(checkpoint_readers.current_at, excluded.current_at), behind_at = greatest(checkpoint_readers.behind_at, excluded.behind_at)`,
      [consumer, at, current],
      'checkpoint-reader',
    );
    await tx.query(
      `INSERT INTO checkpoints (consumer, stream, versions)
       SELECT $1, "orderId", (SELECT range_agg(int4range(v, v, '[]')) FROM unnest(versions) AS v)
       FROM (SELECT s."orderId", array_agg(v) AS versions FROM json_to_recordset($2) AS s("orderId" uuid, versions int[]) CROSS JOIN unnest(s.versions) AS v GROUP BY s."orderId") AS seen ORDER BY "orderId"
       ON CONFLICT ON CONSTRAINT checkpoints_pkey DO UPDATE SET versions = checkpoints.versions + excluded.versions, noted_at = excluded.noted_at`,
      [consumer, JSON.stringify([...seen, ...(await this.#versionsOf(tx, ids))])],
      'checkpoint-note',
    );
  }

  /**
   * The events of some ids. They are told soon after they were handled, so they are looked for among those of the last
   * hour.
   */
  async #versionsOf(tx: Transaction, ids: readonly string[]): Promise<{ orderId: string; versions: number[] }[]> {
    const known = ids.filter((one) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(one));
    if (known.length === 0) return [];
    return tx.query<{ orderId: string; versions: number[] }>(
      `SELECT stream AS "orderId", array_agg(version) AS versions FROM events WHERE recorded_at > clock_timestamp() - interval '1 hour' AND id = ANY ($1::uuid[]) GROUP BY stream`,
      [known],
      'checkpoint-ids',
    );
  }

  /**
   * Compares what lies behind, and leaves what is missing in the outbox, in as many transactions as it takes, up to a
   * bound. Returns that; nothing while another instance is at it.
   */
  async reconcile(): Promise<Missing[]> {
    const missing: Missing[] = [];
    for (let batch = 0; batch < BATCHES_AT_ONCE; batch++) {
      const some = await this.#batch();
      missing.push(...some);
      if (some.length < SENT_AT_ONCE) break;
    }
    if (missing.length > 0) this.#options.outbox.wake();
    return missing;
  }

  #batch(): Promise<Missing[]> {
    const { database, graceMs } = this.#options;
    return database.transaction(async (tx) => {
      const [lock] = await tx.query<{ mine: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS mine', [LOCK]);
      if (!lock?.mine || (await this.#isBehind(tx))) return [];
      const readers = await tx.query<{ consumer: string }>(
        `SELECT consumer FROM checkpoint_readers
         WHERE current_at IS NOT NULL AND (behind_at IS NULL OR behind_at < current_at - $1 * interval '1 millisecond') ORDER BY consumer`,
        [graceMs],
      );
      const found: Missing[] = [];
      for (const { consumer } of readers) found.push(...(await this.#compare(tx, consumer)));
      await this.#sendAgain(tx, found);
      await this.#purge(tx);
      return found;
    });
  }

  /** What is still in the outbox is not lost. */
  async #isBehind(tx: Transaction): Promise<boolean> {
    const [row] = await tx.query<{ behind: boolean }>(
      `SELECT EXISTS (SELECT 1 FROM outbox WHERE created_at < now() - $1 * interval '1 millisecond') AS behind`,
      [this.#options.graceMs],
    );
    return row?.behind ?? true;
  }

  /**
   * What is missing at one reader and not on its way to it: neither sent again within the grace period, nor held for a
   * destination that does not take it, nor in the reader's inbox where that is in this database. When nothing is
   * missing and nothing on its way any more, that time has been compared.
   */
  async #compare(tx: Transaction, consumer: string): Promise<Missing[]> {
    const { graceMs } = this.#options;
    const [span] = await tx.query<{ from: string; until: string }>(
      `SELECT greatest(since, compared_to - $2 * interval '1 millisecond')::text AS "from",
              least(current_at - $3 * interval '1 millisecond', compared_to + $4 * interval '1 millisecond')::text AS until
       FROM checkpoint_readers WHERE consumer = $1`,
      [consumer, CLOCKS_DIFFER_MS, graceMs, COMPARED_AT_ONCE_MS],
    );
    if (!span) return [];
    const missing = await tx.query<Missing>(
      `SELECT $1 AS consumer, e.stream, e.version, e.id ${UNSEEN} AND NOT ${ON_ITS_WAY} ORDER BY e.recorded_at, e.version LIMIT $6`,
      [consumer, span.from, span.until, TIMES, graceMs, SENT_AT_ONCE],
    );
    if (missing.length > 0) return this.#due(tx, missing);
    const [left] = await tx.query(`SELECT 1 ${UNSEEN} AND ${ON_ITS_WAY} LIMIT 1`, [
      consumer,
      span.from,
      span.until,
      TIMES,
      graceMs,
    ]);
    if (left) return [];
    await tx.query('UPDATE checkpoint_readers SET compared_to = greatest(compared_to, $2) WHERE consumer = $1', [
      consumer,
      span.until,
    ]);
    return [];
  }

  /** Writes them down. What was sent again within the grace period is under way. */
  async #due(tx: Transaction, missing: readonly Missing[]): Promise<Missing[]> {
    const rows = await tx.query<{ stream: string; version: number }>(
      `INSERT INTO reemissions (consumer, stream, version)
       SELECT consumer, stream, version FROM json_to_recordset($1) AS missing(consumer text, stream uuid, version int)
       ON CONFLICT ON CONSTRAINT reemissions_pkey DO UPDATE SET times = reemissions.times + 1, last_at = clock_timestamp()
         WHERE reemissions.last_at < now() - $2 * interval '1 millisecond'
       RETURNING stream, version`,
      [JSON.stringify(missing), this.#options.graceMs],
    );
    const due = new Set(rows.map(({ stream, version }) => `${stream} ${version}`));
    return missing.filter(({ stream, version }) => due.has(`${stream} ${version}`));
  }

  /** Once, also what is missing at several readers: all of them get it. */
  async #sendAgain(tx: Transaction, missing: readonly Missing[]): Promise<void> {
    if (missing.length === 0) return;
    const streams = await this.#options.store.loadMany<Event>([...new Set(missing.map(({ stream }) => stream))], tx);
    const distinct = new Map(missing.map((each) => [each.id, each]));
    const facts = [...distinct.values()].flatMap(({ stream, version, id }) => {
      const past = (streams.get(stream) ?? []).slice(0, version);
      const last = past.at(-1);
      return last?.version === version
        ? this.#factOf(
            past.map((one) => one.event),
            version,
            { id, time: last.recordedAt },
          )
        : [];
    });
    await this.#options.outbox.add(tx, facts);
  }

  #factOf(events: readonly Event[], version: number, again: { id: string; time: string }): Outgoing[] {
    const { process } = this.#options;
    const said = process.announce(events.at(-1) as Event, fold(process.decider, events), version);
    return said.filter(({ sequence }) => sequence === version).map((fact) => ({ ...fact, again }));
  }

  /**
   * Forgets what a reader has said of a time that it has been compared for: one that never speaks again keeps nothing
   * of the others.
   */
  async #purge(tx: Transaction): Promise<void> {
    await tx.query(
      `DELETE FROM checkpoints WHERE (consumer, stream) IN (
         SELECT c.consumer, c.stream FROM checkpoint_readers r JOIN checkpoints c ON c.consumer = r.consumer
         WHERE c.noted_at < r.compared_to - $1 * interval '1 millisecond' ORDER BY c.noted_at LIMIT ${PURGED_AT_ONCE}
         FOR UPDATE OF c SKIP LOCKED)`,
      [2 * CLOCKS_DIFFER_MS],
      'checkpoint-purge',
    );
  }
}
