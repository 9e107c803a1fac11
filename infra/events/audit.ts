import { userInfo } from 'node:os';
import type { ConsumerName } from '@shop/contracts';
import type { Sql } from './operated-shop.ts';

/** What an operator does to one message or key, or to what a consumer keeps. */
export interface Action {
  readonly action: 'release' | 'skip' | 'replay' | 'rebuild';
  readonly consumer: ConsumerName;
  readonly key?: string | undefined;
  readonly messageId?: string | undefined;
  readonly deadLetter?: string | undefined;
}

/** Who works at this keyboard, as the operating system knows them. */
export const operator = () => userInfo().username;

/**
 * Does it, and writes down who did it and what came of it: the row is there before, so that what is cut off in the middle is seen. Returns
 * the outcome.
 */
export async function audited(sql: Sql, { action, consumer, key, messageId, deadLetter }: Action, work: () => Promise<string>): Promise<string> {
  const [row] = await sql<{ id: string }>(
    `INSERT INTO operator_actions (operator, action, consumer, key, message_id, dead_letter, outcome) VALUES ($1, $2, $3, $4, $5, $6, 'begun') RETURNING id`,
    [operator(), action, consumer, key, messageId, deadLetter],
  );
  const note = (outcome: string) => sql('UPDATE operator_actions SET outcome = $2 WHERE id = $1', [row?.id, outcome]);
  try {
    const outcome = await work();
    await note(outcome);
    return outcome;
  } catch (error) {
    await note(`failed: ${(error as Error).message}`).catch(() => {});
    throw error;
  }
}
