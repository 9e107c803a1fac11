import { createHash } from 'node:crypto';
import { DomainError } from '@shop/kernel';
import { HttpProblem, lockTimedOut, type Database, type Transaction } from '@shop/platform';
import type { IdempotencyRow, StoredAnswer } from './append.ts';
import { lookFrom, LookedThrough } from './looked-through.ts';

/** One attempt to do something, by the caller's own name for it. */
export type Attempt = Pick<IdempotencyRow, 'principal' | 'operation' | 'key' | 'bodyHash'>;

/** An answer, and whether it had been given before under the same Idempotency-Key. */
export interface Once<T> {
  readonly answer: T;
  readonly replayed: boolean;
}

/** Keys forgotten at one look: more than come in that time, few enough for one statement. */
const FORGOTTEN_AT_ONCE = 5_000;
const DONE = 200;
const REFUSED = 422;

/** The hash of a body that its schema has parsed, and so put its fields in one order: the text is canonical. */
export const bodyHashOf = (body: unknown): string =>
  createHash('sha256').update(JSON.stringify(body)).digest('base64url');

/**
 * Does the work of a command on plain records once per Idempotency-Key. The key's row is taken before the work and
 * committed with it: a repeat waits for the first as long as the database waits for a lock (then 409), and gets its
 * answer. A refusal of the work is an answer too, and kept; that something was `unavailable` is none. Another body
 * under the same key is refused.
 */
export async function once<T>(
  database: Database,
  attempt: Attempt,
  work: (tx: Transaction) => Promise<T>,
): Promise<Once<T>> {
  const outcome = await database.transaction<{ once: Once<T> } | { refusal: DomainError }>(async (tx) => {
    if (!(await taken(tx, attempt)))
      return { once: { answer: given<T>(await answerTo(tx, attempt), attempt), replayed: true } };
    await tx.query('SAVEPOINT work');
    try {
      const answer = await work(tx);
      await keep(tx, attempt, DONE, answer);
      return { once: { answer, replayed: false } };
    } catch (error) {
      if (!(error instanceof DomainError) || error.kind === 'unavailable') throw error;
      await tx.query('ROLLBACK TO SAVEPOINT work');
      const { kind, code, message, errors } = error;
      await keep(tx, attempt, REFUSED, { kind, code, message, errors });
      return { refusal: error };
    }
  });
  if ('refusal' in outcome) throw outcome.refusal;
  return outcome.once;
}

/** Forgets keys after their day. Who does so again and again gives what it has looked through. */
export async function forgetKeys(database: Database, looked = new LookedThrough()): Promise<void> {
  const [row] = await database.query<{ through: string }>(
    `WITH old AS MATERIALIZED (
       SELECT ctid, created_at FROM idempotency WHERE created_at > ${lookFrom('$1')} AND created_at < now() - interval '24 hours' ORDER BY created_at LIMIT ${FORGOTTEN_AT_ONCE}),
     forgotten AS (DELETE FROM idempotency WHERE ctid = ANY (ARRAY(SELECT ctid FROM old)))
     SELECT (CASE WHEN count(*) = ${FORGOTTEN_AT_ONCE} THEN max(created_at) ELSE now() - interval '24 hours' END)::text AS through FROM old`,
    [looked.from()],
    'keys-forget',
  );
  looked.upTo(row?.through);
}

/**
 * Whether the key is ours to use now: the row stays without an answer until the work is done, and nobody sees it before
 * that.
 */
async function taken(tx: Transaction, { principal, operation, key, bodyHash }: Attempt): Promise<boolean> {
  try {
    const rows = await tx.query(
      `INSERT INTO idempotency (principal, operation, key, body_hash, status, answer) VALUES ($1, $2, $3, $4, 0, '{}')
       ON CONFLICT ON CONSTRAINT idempotency_pkey DO NOTHING RETURNING 1`,
      [principal, operation, key, bodyHash],
      'key-take',
    );
    return rows.length > 0;
  } catch (error) {
    if (!lockTimedOut(error)) throw error;
    const detail = 'A request with this Idempotency-Key is still under way. Repeat it in a moment to get its answer.';
    throw new HttpProblem(409, 'request-in-progress', detail, { headers: { 'retry-after': '1' } });
  }
}

async function keep(
  tx: Transaction,
  { principal, operation, key }: Attempt,
  status: number,
  answer: unknown,
): Promise<void> {
  await tx.query(
    'UPDATE idempotency SET status = $4, answer = $5 WHERE principal = $1 AND operation = $2 AND key = $3',
    [principal, operation, key, status, JSON.stringify(answer)],
    'key-keep',
  );
}

async function answerTo(tx: Transaction, { principal, operation, key }: Attempt): Promise<StoredAnswer> {
  const [row] = await tx.query<StoredAnswer>(
    'SELECT body_hash AS "bodyHash", status, answer FROM idempotency WHERE principal = $1 AND operation = $2 AND key = $3',
    [principal, operation, key],
    'key-read',
  );
  // Forgotten in between, a day after its first use: as good as busy.
  if (!row) throw new DomainError('unavailable', 'key-forgotten', 'This Idempotency-Key has just expired. Try again.');
  return row;
}

function given<T>({ bodyHash, status, answer }: StoredAnswer, attempt: Attempt): T {
  if (bodyHash !== attempt.bodyHash)
    throw new DomainError(
      'invalid',
      'idempotency-key-reused',
      'This Idempotency-Key was used for a different request.',
    );
  if (status === DONE) return answer as T;
  const { kind, code, message, errors } = answer as DomainError;
  throw new DomainError(kind, code, message, errors);
}
