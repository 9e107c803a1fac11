import type { Transaction } from '@shop/platform';
import { copyBuckets } from '@shop/contracts';

/** One part of a table: which, how many rows, and a digest of them that does not depend on their order. */
export interface Bucket {
  readonly bucket: number;
  readonly rows: number;
  readonly digest: string;
}

/**
 * Sums a table up by the last byte of its ids, so that what a service owns and what another has copied of it can be compared by a few numbers, and what
 * differs be asked for in parts. Both name the columns alike and in the same order. Reads the whole table: for every half minute, not for every request.
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
  const named = (buckets: readonly Bucket[]) => new Map(buckets.map(({ bucket, rows, digest }) => [bucket, `${rows} ${digest}`]));
  const [a, b] = [named(one), named(other)];
  return [...new Set([...a.keys(), ...b.keys()])].filter((bucket) => a.get(bucket) !== b.get(bucket)).sort((x, y) => x - y);
}
