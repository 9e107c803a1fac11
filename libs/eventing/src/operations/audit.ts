import type { ConsumerName } from '@shop/contracts';
import type { Database } from '@shop/platform';

/** What an operator does to one message or key, or to what a consumer keeps. */
export interface Action {
  /** Who: at a keyboard the user of the operating system, over HTTP the subject of the access token. */
  readonly operator: string;
  readonly action: 'release' | 'skip' | 'replay' | 'rebuild' | 'ask' | 'put-back' | 'announce' | 'restore';
  /** `outbox` for what is done to messages before any consumer, `store` for what is done to the whole database. */
  readonly consumer: ConsumerName | 'outbox' | 'store';
  readonly key?: string | undefined;
  readonly messageId?: string | undefined;
  /** Where the dead letter lies. */
  readonly deadLetter?: string | undefined;
}

/** An action as it was written down. */
export interface DoneAction extends Action {
  readonly id: string;
  readonly at: Date;
  /** `begun` of one that is under way, or was cut off. */
  readonly outcome: string;
}

/**
 * Does it, and writes down who did it and what came of it: the row is there before, so that what is cut off in the
 * middle is seen. Returns the outcome.
 */
export async function audited(
  database: Database,
  { operator, action, consumer, key, messageId, deadLetter }: Action,
  work: () => Promise<string>,
): Promise<string> {
  const [row] = await database.query<{ id: string }>(
    `INSERT INTO operator_actions (operator, action, consumer, key, message_id, dead_letter, outcome) VALUES ($1, $2, $3, $4, $5, $6, 'begun') RETURNING id`,
    [operator, action, consumer, key, messageId, deadLetter],
  );
  const note = (outcome: string) =>
    database.query('UPDATE operator_actions SET outcome = $2 WHERE id = $1', [row?.id, outcome]);
  try {
    const outcome = await work();
    await note(outcome);
    return outcome;
  } catch (error) {
    await note(`failed: ${(error as Error).message}`).catch(() => {});
    throw error;
  }
}

/** What operators did last, latest first. */
export async function latestActions(database: Database, limit: number): Promise<DoneAction[]> {
  const rows = await database.query<DoneAction>(
    `SELECT id, at, operator, action, consumer, key, message_id AS "messageId", dead_letter AS "deadLetter", outcome
     FROM operator_actions ORDER BY id DESC LIMIT $1`,
    [limit],
  );
  return rows.map(
    (row) => Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)) as unknown as DoneAction,
  );
}
