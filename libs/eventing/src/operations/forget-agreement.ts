import { DomainError } from '@shop/kernel';
import type { Database } from '@shop/platform';

/**
 * Forgets what the instances of a service agreed on, so that the next that starts says it anew. Throws `conflict` while
 * one of them runs, or while anything waits that only the old settings would publish. `database`: as its owner.
 */
export async function forgetAgreement(database: Database): Promise<number> {
  const [now] = await database.query<{ sessions: number; waiting: number; slot: string | null }>(
    `SELECT (SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND usename <> current_user) AS sessions,
            ((SELECT count(*) FROM outbox) + (SELECT count(*) FROM outbox_held))::int AS waiting, (SELECT slot FROM outbox_slot) AS slot`,
  );
  const { sessions = 0, waiting = 0, slot } = now ?? {};
  if (sessions > 0)
    throw new DomainError(
      'conflict',
      'instances-run',
      `${sessions} sessions of the service are open on its database: stop all of its instances first.`,
    );
  if (waiting > 0)
    throw new DomainError(
      'conflict',
      'messages-wait',
      `${waiting} messages wait to be published: start the service as it was until none does (outbox status), then stop it.`,
    );
  if (slot)
    throw new DomainError(
      'conflict',
      'slot-is-there',
      `The log is the outbox, in the slot ${slot}: wait until nothing is behind, then drop the slot and its row (docs/adr/0015), then ask again.`,
    );
  return (await database.query('DELETE FROM agreement RETURNING 1')).length;
}
