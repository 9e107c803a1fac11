import type { Transaction } from '@shop/platform';
import { copyBuckets } from '@shop/contracts';

/** One part of a table: which, how many rows, and a digest of them that does not depend on their order. */
export interface Bucket {
  readonly bucket: number;
  readonly rows: number;
  readonly digest: string;
}

/** What is known of a copy before its owner says what a whole one is like. */
export interface CopyState {
  /** Whether its place on the topic was lost, and nothing has proved it whole since. */
  readonly lost: boolean;
  /** The questions asked since that loss and not answered, oldest first, by their ids. */
  readonly asked: readonly string[];
  /**
   * For how long the last question, and the last comparison that counted, have been past, in ms; undefined: there was
   * none.
   */
  readonly askedAgoMs: number | undefined;
  readonly comparedAgoMs: number | undefined;
  /** Buckets that differed when it was last compared. */
  readonly differing: readonly number[];
}

/**
 * What the owner says: which buckets differ by it, how many rows a whole copy has, and which question it answers, if
 * any.
 */
export interface Said {
  readonly differ: readonly number[];
  readonly rows: number;
  readonly answers: string | undefined;
}

/** What follows. `ask`: which buckets to ask for; none: nothing. `asked`: which questions are still open. */
export interface Judgement {
  readonly counts: boolean;
  readonly whole: boolean;
  readonly asked: readonly string[];
  readonly ask: readonly number[];
}

export interface CopyPatience {
  /** How long an answer may take, in ms, beside what it takes to announce all rows, before it is asked again. */
  readonly answerMs: number;
  /**
   * Comparisons that nobody asked for count when they are so far apart, in ms: several instances of the owner may speak
   * at once.
   */
  readonly apartMs: number;
}

/** The owner announces a thousand rows a second; half as many count as slow. */
const SLOW_MS_PER_ROW = 2;
const OPEN_AT_MOST = 8;
const ALL = Array.from({ length: copyBuckets }, (_, bucket) => bucket);

/**
 * Judges a copy by what its owner says. A copy is whole when nothing differs, and, after a loss, when this answers a
 * question that was asked since: any of them, for each answer is newer than the loss. Nothing is asked while an answer
 * may still come; what differs without a loss is asked for when it does so twice.
 */
export function judge(state: CopyState, { differ, rows, answers }: Said, patience: CopyPatience): Judgement {
  const { lost, asked, askedAgoMs, comparedAgoMs } = state;
  const place = answers === undefined ? -1 : asked.indexOf(answers);
  const answered = place >= 0;
  if (differ.length === 0 && (!lost || answered)) return { counts: true, whole: true, asked: [], ask: [] };
  const counts = answered || comparedAgoMs === undefined || comparedAgoMs >= patience.apartMs;
  // Questions are answered in their order.
  const open = answered ? asked.slice(place + 1) : asked;
  const waits = open.length > 0 && askedAgoMs !== undefined && askedAgoMs < patience.answerMs + rows * SLOW_MS_PER_ROW;
  if (!counts || waits) return { counts, whole: false, asked: open, ask: [] };
  const wanted = lost ? differ : differ.filter((bucket) => state.differing.includes(bucket));
  return { counts, whole: false, asked: open.slice(1 - OPEN_AT_MOST), ask: lost && wanted.length === 0 ? ALL : wanted };
}

/**
 * Sums a table up by the last byte of its ids, so that what a service owns and what another has copied of it can be
 * compared by a few numbers, and what differs be asked for in parts. Both name the columns alike and in the same order.
 * Reads the whole table: for every half minute, not for every request.
 */
export function copySummary(tx: Transaction, table: string, columns: readonly string[]): Promise<Bucket[]> {
  return tx.query<Bucket>(
    `SELECT bucket, count(*)::int AS rows, bit_xor(('x' || left(md5(line), 16))::bit(64)::bigint)::text AS digest
     FROM (SELECT ${bucketOf} AS bucket, concat_ws('|', id, ${columns.join(', ')}) AS line FROM ${table}) AS each GROUP BY bucket ORDER BY bucket`,
    [],
    'copy-summary',
  );
}

/** The bucket of a row, in SQL. */
export const bucketOf = `get_byte(uuid_send(id), 15) % ${copyBuckets}`;

/** Buckets that are not the same in both. */
export function differing(one: readonly Bucket[], other: readonly Bucket[]): number[] {
  const named = (buckets: readonly Bucket[]) =>
    new Map(buckets.map(({ bucket, rows, digest }) => [bucket, `${rows} ${digest}`]));
  const [a, b] = [named(one), named(other)];
  return [...new Set([...a.keys(), ...b.keys()])]
    .filter((bucket) => a.get(bucket) !== b.get(bucket))
    .sort((x, y) => x - y);
}
