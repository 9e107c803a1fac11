import { DomainError } from '@shop/kernel';
import { serve, takePart } from '../lab/part.ts';

/** A deposit, or the next version of this program. */
export type Question =
  | { readonly id: number; readonly amount: number }
  | { readonly version: 'balance' | 'balance_big' };

/**
 * One of two instances of a service that keeps balances, on the product's database: nothing in it waits for longer than
 * two seconds for a lock.
 */
const { database } = takePart();
let column: 'balance' | 'balance_big' = 'balance';

serve<Question>(
  (question) =>
    'version' in question ? Promise.resolve((column = question.version)) : deposit(question.id, question.amount),
  () => Promise.resolve(),
);

/** Answers 200, or what the service would answer otherwise. */
async function deposit(id: number, amount: number): Promise<number> {
  try {
    await database.query(`UPDATE accounts SET ${column} = ${column} + $2 WHERE id = $1`, [id, amount]);
    return 200;
  } catch (error) {
    return error instanceof DomainError && error.kind === 'unavailable' ? 503 : 500;
  }
}
