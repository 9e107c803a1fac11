import { setTimeout as sleep } from 'node:timers/promises';
import type { Database, Transaction } from '@shop/platform';

/** A stream whose awaited answers have not come by the time at which it is looked at. */
export interface Overdue {
  readonly stream: string;
  /** Its version when it asked. */
  readonly version: number;
  /** Steps without an answer. */
  readonly awaited: readonly string[];
  /** How often they have been asked for. */
  readonly asked: number;
  /** For how long an answer could have come, in ms: outages of the bus and of its readers do not count. */
  readonly waitedMs: number;
}

/** Steps without an answer, and how many streams wait for one. */
export interface Unanswered {
  readonly step: string;
  readonly streams: number;
}

/**
 * How long a stream that is due is left to whoever took it: one that fails goes to the back, and holds up nobody.
 * Whoever writes a row gives it at least so long, and commits in a fraction of it: so nothing can appear any more
 * behind a time that has been looked through.
 */
export const LEAST_AHEAD_MS = 30_000;
/**
 * Transactions that were rolled back, or a clock that was set back, could still leave a row behind that time: now and
 * then all is looked at.
 */
const LOOK_AT_ALL_EVERY_MS = 60_000;
/** Answers that need nothing but to be noted share a statement: so many, or what comes in this time. */
const [NOTED_AT_ONCE, NOTED_WITHIN_MS] = [16, 100];
/** A silence of this length is an outage: longer than the pause between two notes that the bus answers. */
const OUTAGE_AFTER_MS = 15_000;

interface Answer {
  readonly stream: string;
  readonly step: string;
}

/**
 * What streams have asked others for and not been told, as the rows of `deadlines`: written by the append that asks,
 * gone with the last answer. An answer is noted here without an inbox row, since noting it twice changes nothing. Two
 * times stand in a row: `look_at`, when it is looked whether to ask again, and `due_at`, when the version before gives
 * the stream up.
 */
export class AwaitedAnswers {
  readonly #database: Database;
  #gathering: { readonly answers: Answer[]; readonly full: () => void; readonly noted: Promise<void> } | undefined;
  #lookedThrough = '-infinity';
  #allLookedAt = -Infinity;

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * Takes streams that are due, longest first. Dead rows lie in the index as long as anybody on the server holds an old
   * snapshot, so what has been looked through is not read again.
   */
  async due(limit: number): Promise<Overdue[]> {
    const now = performance.now();
    if (now - this.#allLookedAt > LOOK_AT_ALL_EVERY_MS) [this.#lookedThrough, this.#allLookedAt] = ['-infinity', now];
    const rows = await this.#database.query<Overdue & { at: string }>(
      `WITH due AS (
         SELECT stream FROM deadlines WHERE look_at > $1::timestamptz AND look_at <= now() ORDER BY look_at LIMIT $2 FOR UPDATE SKIP LOCKED),
       taken AS (
         UPDATE deadlines SET look_at = clock_timestamp() + $3 * interval '1 millisecond' FROM due WHERE deadlines.stream = due.stream
         RETURNING deadlines.*)
       SELECT now()::text AS at, stream, version, awaited, asked, (extract(epoch FROM clock_timestamp() - since) * 1000)::float8 AS "waitedMs"
       FROM (VALUES (1)) AS look LEFT JOIN taken ON true`,
      [this.#lookedThrough, limit, LEAST_AHEAD_MS],
      'deadlines-due',
    );
    const taken = rows.filter(({ stream }) => stream !== null);
    if (taken.length < limit) this.#lookedThrough = rows[0]?.at ?? this.#lookedThrough;
    return taken.map(({ at: _, ...overdue }) => overdue);
  }

  /** Notes an answer; resolves when that is stored. */
  answered(stream: string, step: string): Promise<void> {
    const { answers, full, noted } = (this.#gathering ??= this.#gather());
    if (answers.push({ stream, step }) >= NOTED_AT_ONCE) full();
    return noted;
  }

  /**
   * Notes that the steps of a stream are asked for once more, and when it is looked at next; false when it does not
   * wait for them any more.
   */
  async askedAgain(tx: Transaction, { stream, version, asked }: Overdue, inMs: number): Promise<boolean> {
    const rows = await tx.query(
      `UPDATE deadlines SET asked = asked + 1, look_at = clock_timestamp() + $4 * interval '1 millisecond'
       WHERE stream = $1 AND version = $2 AND asked = $3 RETURNING 1`,
      [stream, version, asked, inMs],
      'deadline-again',
    );
    return rows.length > 0;
  }

  /** Awaits a step of a stream that awaited nothing any more; false where it awaits something. */
  async askedAnew(
    tx: Transaction,
    { stream, version, step }: { stream: string; version: number; step: string },
  ): Promise<boolean> {
    const rows = await tx.query(
      `INSERT INTO deadlines (stream, version, due_at, look_at, awaited, since) VALUES ($1, $2, 'infinity', clock_timestamp() + $4 * interval '1 millisecond', ARRAY[$3::text], clock_timestamp())
       ON CONFLICT ON CONSTRAINT deadlines_pkey DO NOTHING RETURNING 1`,
      [stream, version, step, LEAST_AHEAD_MS],
      'deadline-anew',
    );
    return rows.length > 0;
  }

  /**
   * Which of these streams have something in the outbox, or held because its destination does not take it, that is not
   * published yet: nobody can have answered it, so their time begins now. Where the log is the outbox, all of them do
   * while its reader is behind.
   */
  async unpublished(streams: readonly string[]): Promise<ReadonlySet<string>> {
    const rows = await this.#database.query<{ stream: string }>(
      `WITH waiting AS (
         SELECT key::uuid AS stream FROM outbox WHERE key = ANY ($1::text[])
         UNION
         SELECT key::uuid FROM outbox_held WHERE key = ANY ($1::text[])
         UNION
         SELECT unnest($1::uuid[]) FROM outbox_slot o LEFT JOIN pg_replication_slots s ON s.slot_name = o.slot AND s.database = current_database()
         WHERE (NOT coalesce(s.active, false) OR pg_current_wal_lsn() - s.confirmed_flush_lsn > $3)
           AND NOT EXISTS (SELECT 1 FROM agreement WHERE term = 'outbox driver' AND value <> 'wal'))
       UPDATE deadlines SET since = clock_timestamp(), due_at = due_at + (clock_timestamp() - since), look_at = clock_timestamp() + $2 * interval '1 millisecond'
       FROM waiting WHERE deadlines.stream = waiting.stream RETURNING deadlines.stream`,
      [streams, LEAST_AHEAD_MS, LOG_BEHIND_BYTES],
      'deadlines-unpublished',
    );
    return new Set(rows.map(({ stream }) => stream));
  }

  /**
   * Notes that answers can come now, and returns how long nobody could, in ms: then every deadline moves by as much of
   * that time as it has been running, once, whichever instance notices. 0: no outage.
   */
  async possible(): Promise<number> {
    const [row] = await this.#database.query<{ lostMs: number }>(
      `WITH before AS MATERIALIZED (SELECT until, clock_timestamp() AS now FROM answers_possible FOR UPDATE),
            gap AS (SELECT now - until AS lost, now FROM before WHERE now - until > $1 * interval '1 millisecond'),
            noted AS (UPDATE answers_possible SET until = before.now FROM before),
            locked AS MATERIALIZED (SELECT stream FROM deadlines WHERE EXISTS (SELECT FROM gap) ORDER BY stream FOR UPDATE),
            moved AS (
              UPDATE deadlines SET since = least(since + lost, now), due_at = due_at + least(lost, greatest(now - since, interval '0')),
                look_at = look_at + least(lost, greatest(now - since, interval '0'))
              FROM locked, gap WHERE deadlines.stream = locked.stream)
       SELECT coalesce((SELECT extract(epoch FROM lost) * 1000 FROM gap), 0)::float8 AS "lostMs"`,
      [OUTAGE_AFTER_MS],
      'answers-possible',
    );
    return row?.lostMs ?? 0;
  }

  /** Steps that have waited for an answer for so long, and of how many streams. */
  unanswered(forMs: number): Promise<Unanswered[]> {
    return this.#database.query<Unanswered>(
      `SELECT step, count(*)::int AS streams FROM deadlines CROSS JOIN unnest(awaited) AS step
       WHERE since < now() - $1 * interval '1 millisecond' GROUP BY step`,
      [forMs],
      'answers-missing',
    );
  }

  #gather() {
    const answers: Answer[] = [];
    const { promise, resolve: full } = Promise.withResolvers<void>();
    const noted = Promise.race([promise, sleep(NOTED_WITHIN_MS)]).then(() => {
      this.#gathering = undefined;
      return this.#note(answers);
    });
    return { answers, full, noted };
  }

  /**
   * Rows are locked in one order, and what is left of each is told by the lock: two instances may hold the two last
   * answers of a stream.
   */
  async #note(answers: readonly Answer[]): Promise<void> {
    await this.#database.query(
      `WITH answered AS (SELECT stream, array_agg(step) AS steps FROM unnest($1::uuid[], $2::text[]) AS a(stream, step) GROUP BY stream),
            locked AS MATERIALIZED (
              SELECT d.stream, ARRAY(SELECT unnest(d.awaited) EXCEPT SELECT unnest(a.steps)) AS open
              FROM deadlines d JOIN answered a USING (stream) WHERE d.awaited && a.steps ORDER BY d.stream FOR UPDATE OF d),
            ended AS (DELETE FROM deadlines USING locked WHERE deadlines.stream = locked.stream AND locked.open = '{}')
       UPDATE deadlines SET awaited = locked.open FROM locked WHERE deadlines.stream = locked.stream AND locked.open <> '{}'`,
      [answers.map(({ stream }) => stream), answers.map(({ step }) => step)],
      'answers-note',
    );
  }
}

/** A reader of the log that keeps up writes down where it is only now and then. */
const LOG_BEHIND_BYTES = 4_194_304;
