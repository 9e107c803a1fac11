import { audited } from '@shop/eventing';
import { DomainError } from '@shop/kernel';
import type { Database } from '@shop/platform';

/** A message that did not reach its customer: given up, or still tried. */
export interface UndeliveredMail {
  readonly id: string;
  readonly orderId: string;
  readonly kind: string;
  readonly status: 'queued' | 'failed';
  readonly attempts: number;
  /** Why the last attempt failed: a code, never the other side's words. */
  readonly failure: string;
  readonly createdAt: Date;
}

/** Which of them: of one order, or those whose failure has this in it. */
export interface Which {
  readonly order?: string | undefined;
  readonly failure?: string | undefined;
}

const MOST_LISTED = 1_000;
const WHERE = `status IN ('queued', 'failed') AND failure IS NOT NULL
  AND ($1::text IS NULL OR document->>'orderId' = $1) AND ($2::text IS NULL OR position($2 IN failure) > 0)`;

/** Oldest first. */
export function undelivered(database: Database, { order, failure }: Which): Promise<UndeliveredMail[]> {
  return database.query<UndeliveredMail & Record<string, unknown>>(
    `SELECT id, document->>'orderId' AS "orderId", document->>'kind' AS kind, status, attempts, failure, created_at AS "createdAt"
     FROM messages WHERE ${WHERE} ORDER BY id LIMIT ${MOST_LISTED}`,
    [order, failure],
  );
}

/**
 * Has them sent now, with all their attempts before them, under the Message-ID they have always had: a reader who has
 * one already drops it. Returns how many. Throws `not-found` where there is none.
 */
export async function resend(
  database: Database,
  { operator, order, failure }: Which & { operator: string },
): Promise<number> {
  let queued = 0;
  await audited(database, { operator, action: 'replay', consumer: 'notifications.mail', key: order }, async () => {
    const rows = await database.query(
      `UPDATE messages SET status = 'queued', attempts = 0, next_attempt_at = clock_timestamp() WHERE ${WHERE} RETURNING 1`,
      [order, failure],
    );
    queued = rows.length;
    return `${queued} mails are queued again`;
  });
  if (queued === 0) throw new DomainError('not-found', 'no-such-mail', 'There is no such mail that did not arrive.');
  return queued;
}
