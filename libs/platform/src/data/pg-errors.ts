import { DomainError } from '@shop/kernel';
import pg from 'pg';

/** The name of the constraint (unique, check, foreign key) that refused a row; undefined for any other error. */
export function constraintOf(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError && error.code?.startsWith('23') ? error.constraint : undefined;
}

/** SQLSTATE classes that say "not now": connection, rolled back (deadlock), resources, operator intervention; and a lock not had in time. */
const transient = /^(08|40|53|57|55P03)/;

/** An error of the client, without SQLSTATE, means that no answer came. Errors about the statement itself stay what they are. */
export function translated(error: unknown): unknown {
  if (error instanceof pg.DatabaseError && !transient.test(error.code ?? '')) return error;
  if (!(error instanceof Error) || error instanceof DomainError) return error;
  return Object.assign(new DomainError('unavailable', 'database-unavailable', 'The database does not answer at the moment. Try again.'), { cause: error });
}
