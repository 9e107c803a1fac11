import { randomUUID } from 'node:crypto';
import type { Database } from '@shop/platform';
import { STANDING } from '../store-epoch.ts';
import { restoredFrom, type Restored, type StoreMark, type StoreStanding } from '../store-mark.ts';

/** What a database says of itself; undefined where no service has ever run on it. `database`: as its owner. */
export async function standingOf(database: Database): Promise<StoreStanding | undefined> {
  const [row] = await database.query<StoreStanding>(STANDING);
  return row;
}

/** Whether a database is an older state of what the bus knows; one on which no service has run is another one. */
export const restored = (store: StoreStanding | undefined, last: StoreMark | undefined): Restored | undefined =>
  store ? restoredFrom(store, last) : last && 'another';

/**
 * Forgets messages of the restored outbox that are on the bus: published once more they would stand behind later ones
 * of their key. Answers how many.
 */
export async function forgetPublished(database: Database, ids: ReadonlySet<string>, dryRun: boolean): Promise<number> {
  let forgotten = 0;
  for (const table of ['outbox', 'outbox_held']) {
    const rows = await database.query<{ shard: number; id: string; message: string }>(
      `SELECT shard, id::text, payload::json ->> 'id' AS message FROM ${table}`,
    );
    const published = rows.filter(({ message }) => ids.has(message));
    forgotten += published.length;
    if (dryRun || published.length === 0) continue;
    await database.query(
      `DELETE FROM ${table} USING unnest($1::smallint[], $2::bigint[]) AS p(shard, id) WHERE ${table}.shard = p.shard AND ${table}.id = p.id`,
      [published.map(({ shard }) => shard), published.map(({ id }) => id)],
    );
  }
  return forgotten;
}

/** Begins another epoch, which goes on from what the bus knew: from then on the service starts. */
export async function beginEpoch(
  database: Database,
  { last, restoredTo }: { readonly last: StoreMark; readonly restoredTo: string },
): Promise<string> {
  const epoch = randomUUID();
  await database.transaction(async (tx) => {
    await tx.query(
      'INSERT INTO store_epochs (epoch, follows_epoch, follows_mark, restored_to) VALUES ($1, $2, $3, $4)',
      [epoch, last.epoch, last.mark, restoredTo],
    );
    await tx.query(
      'INSERT INTO store_mark (epoch, marked_at) VALUES ($1, to_timestamp(0)) ON CONFLICT ON CONSTRAINT store_mark_pkey DO UPDATE SET epoch = excluded.epoch, mark = 0, position = $2',
      [epoch, ''],
    );
  });
  return epoch;
}
