import { DomainError } from '@shop/kernel';
import pg from 'pg';

/** The name of the constraint (unique, check, foreign key) that refused a row; undefined for any other error. */
export function constraintOf(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError && error.code?.startsWith('23') ? error.constraint : undefined;
}

/** SQLSTATE classes that say "not now": connection, rolled back (deadlock), resources, operator intervention; and a lock not had in time. */
const transient = /^(08|40|53|57|55P03)/;

/** Whether it is `unavailable` because a lock was not had in time: somebody else is at it. */
export function lockTimedOut(error: unknown): boolean {
  return error instanceof Error && error.cause instanceof pg.DatabaseError && error.cause.code === '55P03';
}

/** pg and its pool name these only in words. */
const lost =
  /^(Connection terminated|Query read timeout|timeout exceeded when trying to connect|Client has encountered a connection error|Cannot use a pool after)/;

/** Whether the connection to the server is gone, or nobody answers on it. */
export function isLost(error: unknown): boolean {
  // FATAL ends the session; any other error of the server's leaves it as good as it was.
  if (error instanceof pg.DatabaseError) return error.severity === 'FATAL';
  if (!(error instanceof Error)) return false;
  return lost.test(error.message) || ('syscall' in error && 'code' in error);
}

const unavailableCode = 'database-unavailable';

/** What a caller of the database sees: `unavailable` for what may work in a moment, everything else as it is. */
export function translated(error: unknown): unknown {
  const passing = error instanceof pg.DatabaseError ? transient.test(error.code ?? '') : isLost(error);
  return passing ? unavailable(error) : error;
}

export function unavailable(cause: unknown): DomainError {
  return Object.assign(new DomainError('unavailable', unavailableCode, 'The database does not answer at the moment. Try again.'), { cause });
}

/** Whether it was `unavailable` before somebody put it into an error of their own. */
export function isUnavailable(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === unavailableCode;
}
