import { DomainError } from '@shop/kernel';
import pg from 'pg';

/** What is done about an error of the server's. */
export interface Treatment {
  /**
   * Surely nothing came of the statement, and once more, on another connection where this one is dropped, it may well
   * succeed at once.
   */
  readonly again?: true;
  /**
   * Whether its connection is no good any more, or all that were opened before: the server at this address is not what
   * it was.
   */
  readonly drop?: 'connection' | 'all';
  /** It may work in a moment: 503 with Retry-After. Else it is a bug of ours, or the business of whoever asked. */
  readonly unavailable?: true;
}

const wait: Treatment = { unavailable: true };
const again: Treatment = { unavailable: true, again: true };
const drop: Treatment = { unavailable: true, drop: 'connection' };
const dropAll: Treatment = { unavailable: true, drop: 'all' };
const nothing: Treatment = {};

/**
 * What is done about each class of SQLSTATE, and each code that differs from its class (Postgres 18, appendix A). What
 * is not here is a bug of ours, or says no for a reason that somebody looks at, as 23 does (constraintOf).
 */
export const treatments: Readonly<Record<string, Treatment>> = {
  /** Connection exceptions, and a pooler's 08P01 for a server that it cannot reach. */
  '08': drop,
  /**
   * "cached plan must not change result type", of a migration: the statement has to be prepared anew. Every other 0A is
   * a bug (isStalePlan).
   */
  '0A': nothing,
  /** A demoted primary, or one made read-only; so are the others of its connections. */
  25006: { ...dropAll, again: true },
  /** Idle in a transaction, or a transaction, for too long: the server has ended the session. */
  '25P03': drop,
  '25P04': drop,
  /** A prepared statement that the server behind a pooler does not know, or knows already. */
  26: { ...drop, again: true },
  '42P05': { ...drop, again: true },
  /** Not let in: a password that is being changed. */
  28: drop,
  /** No such database (yet). */
  '3D': drop,
  /** Rolled back: a deadlock, a serialization failure. */
  40: again,
  /** The outcome is unknown. */
  40003: wait,
  /** Disk full, out of memory, too many connections. */
  53: wait,
  /** A lock not had in time: whoever holds it may be long about it. */
  '55P03': wait,
  /** Cancelled: a statement that took too long. */
  57014: wait,
  /** The server is shut down, has crashed, or starts. */
  '57P01': dropAll,
  '57P02': dropAll,
  '57P03': dropAll,
  /** The database was dropped; the session was idle for too long. */
  '57P04': drop,
  '57P05': drop,
  /** Errors of the system under Postgres. */
  58: wait,
};

/** Of an error that ends a session, whatever its code. */
const fatal = drop;
const stalePlan: Treatment = { ...drop, again: true };
const isStalePlan = ({ code, routine }: pg.DatabaseError) => code === '0A000' && routine === 'RevalidateCachedQuery';

/** What is done about an error; nothing where it is none of a database. */
export function treatmentOf(error: unknown): Treatment {
  if (!(error instanceof pg.DatabaseError)) return isDisconnection(error) ? drop : nothing;
  if (isStalePlan(error)) return stalePlan;
  const { code = '', severity } = error;
  const known = treatments[code] ?? treatments[code.slice(0, 2)] ?? nothing;
  // Only FATAL and PANIC end a session. Postgres translates these words, and codes it does not, so this is for codes
  // that nobody here has thought of.
  return !known.drop && (severity === 'FATAL' || severity === 'PANIC') ? fatal : known;
}

/** The name of the constraint (unique, check, foreign key) that refused a row; undefined for any other error. */
export function constraintOf(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError && error.code?.startsWith('23') ? error.constraint : undefined;
}

/** Whether it is `unavailable` because a lock was not had in time: somebody else is at it. */
export function lockTimedOut(error: unknown): boolean {
  return error instanceof Error && error.cause instanceof pg.DatabaseError && error.cause.code === '55P03';
}

/** pg and its pool name these only in words. */
const lost =
  /^(Connection terminated|Query read timeout|timeout exceeded when trying to connect|Client has encountered a connection error|Client was closed|Cannot use a pool after)/;

function isDisconnection(error: unknown): boolean {
  return (
    error instanceof Error &&
    (error instanceof TakesNoWrites || lost.test(error.message) || ('syscall' in error && 'code' in error))
  );
}

/** Whether the pool has no connection to spare: no other server would change that. */
export const poolIsBusy = (error: unknown): boolean =>
  error instanceof Error && error.message.startsWith('timeout exceeded when trying to connect');

/** None of the addresses of a database leads to a server that takes writes. */
export class TakesNoWrites extends Error {
  override readonly name = 'TakesNoWrites';
}

/**
 * Whether the connection to the server is gone, nobody answers on it, or the server is not the one that was looked for.
 */
export function isLost(error: unknown): boolean {
  return treatmentOf(error).drop !== undefined;
}

const unavailableCode = 'database-unavailable';

/** What a caller of the database sees: `unavailable` for what may work in a moment, everything else as it is. */
export function translated(error: unknown): unknown {
  return treatmentOf(error).unavailable ? unavailable(error) : error;
}

export function unavailable(cause: unknown): DomainError {
  return Object.assign(
    new DomainError('unavailable', unavailableCode, 'The database does not answer at the moment. Try again.'),
    { cause },
  );
}

/** Whether it was `unavailable` before somebody put it into an error of their own. */
export function isUnavailable(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === unavailableCode;
}
