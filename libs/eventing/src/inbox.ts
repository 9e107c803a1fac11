import { topicKeptDays, type ConsumerName } from '@shop/contracts';
import type { Database } from '@shop/platform';

/** Dead letters are kept for ever, but sent again only so long after they died: see inboxKeptDays. */
export const replayWindowDays = 14;

/**
 * How long a consumer remembers what it has handled. The rule: a row outlives everything that can bring its message
 * again. A message lies on its topic for `topicKeptDays` at most, and is handled there by one group while another, that
 * far behind, buries it. For `replayWindowDays` from then on it may be replayed, and the replay lies on the topic as
 * long again. Then it may be forgotten.
 *
 * A dead letter that is older is not lost: its message waits behind its parked key at the consumer that could not
 * handle it, and is handled there, and nowhere else, when the key is released. The row of that is younger than the
 * release.
 *
 * On a topic of state a message lies for ever. Its readers do not need the inbox: they never put an older version over
 * a newer one.
 */
export const inboxKeptDays = topicKeptDays + replayWindowDays + topicKeptDays + 1;

/** Rows of one statement: few enough that nobody waits for it. */
const BATCH = 1_000;
const BATCHES_AT_ONCE = 100;

/**
 * Forgets what this consumer handled longer ago than inboxKeptDays, in bounded batches. Several instances take
 * different rows. Returns how many.
 */
export async function purgeInbox(
  database: Database,
  consumer: ConsumerName,
  stopping: AbortSignal,
  batch = BATCH,
): Promise<number> {
  let purged = 0;
  for (let n = 0; n < BATCHES_AT_ONCE && !stopping.aborted; n++) {
    const rows = await database.query(
      `DELETE FROM inbox WHERE (consumer, message_id) IN (
         SELECT consumer, message_id FROM inbox
         WHERE consumer = $1 AND handled_at < now() - $2 * interval '1 day' ORDER BY handled_at LIMIT $3 FOR UPDATE SKIP LOCKED)
       RETURNING 1`,
      [consumer, inboxKeptDays, batch],
      'inbox-purge',
    );
    purged += rows.length;
    if (rows.length < batch) break;
  }
  return purged;
}
