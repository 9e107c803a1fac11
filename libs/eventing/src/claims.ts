import type { ConsumerName } from '@shop/contracts';
import type { Transaction } from '@shop/platform';

/** The effect of this message is in the database already. */
export class AlreadyHandled extends Error {
  override readonly name = 'AlreadyHandled';
}

/** An earlier message of the same key is parked: this one has to wait behind it. */
export class KeyParked extends Error {
  override readonly name = 'KeyParked';
}

/**
 * The row that makes an effect happen once, to be written by the transaction, or the statement, that has the effect.
 */
export interface InboxRow {
  readonly consumer: ConsumerName;
  readonly messageId: string;
  /** The key whose parking forbids the effect; absent when a parked key itself is being worked off. */
  readonly unlessParked?: string;
}

/**
 * Writes the inbox rows of one consumer's messages, and says for each why it must not have its effect; undefined where
 * it may.
 */
export async function claim(
  tx: Transaction,
  rows: readonly InboxRow[],
): Promise<(AlreadyHandled | KeyParked | undefined)[]> {
  const standings = await tx.query<{ id: string; claimed: boolean; parked: boolean }>(
    // In the order of ids, so that two instances that are given the same messages wait for each other in one direction
    // only.
    `WITH asked AS (SELECT * FROM unnest($2::text[], $3::text[]) AS a(message_id, key)),
          parked AS (SELECT key FROM parked_keys WHERE consumer = $1 AND key = ANY ($3)),
          claimed AS (
            INSERT INTO inbox (consumer, message_id) SELECT $1, message_id FROM asked
            WHERE NOT EXISTS (SELECT 1 FROM parked WHERE parked.key = asked.key) ORDER BY message_id
            ON CONFLICT ON CONSTRAINT inbox_pkey DO NOTHING RETURNING message_id)
     SELECT message_id AS id, EXISTS (SELECT 1 FROM claimed WHERE claimed.message_id = asked.message_id) AS claimed,
            EXISTS (SELECT 1 FROM parked WHERE parked.key = asked.key) AS parked FROM asked`,
    // Without a key nothing matches: a key is never null.
    [rows[0]?.consumer, rows.map(({ messageId }) => messageId), rows.map(({ unlessParked }) => unlessParked)],
    'inbox-claim',
  );
  const byId = new Map(standings.map((standing) => [standing.id, standing]));
  return rows.map(({ messageId }) => {
    const standing = byId.get(messageId);
    // The same message a second time has been handled by the first.
    byId.delete(messageId);
    if (standing?.claimed) return undefined;
    return standing?.parked ? new KeyParked() : new AlreadyHandled();
  });
}
