import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '@shop/platform';

/** Everything that is written down. */
export type SecurityEvent =
  | 'registered'
  | 'signed-in'
  | 'sign-in-failed'
  /** Too many guesses: the password was not even looked at. */
  | 'sign-in-refused'
  | 'signed-out'
  | 'consented'
  | 'consent-refused'
  | 'password-changed'
  | 'address-verified'
  | 'factor-added'
  | 'factor-removed'
  | 'factor-failed'
  | 'recovery-code-used'
  | 'account-disabled'
  | 'account-enabled'
  | 'account-deleted'
  | 'consent-taken-back'
  | 'roles-changed'
  | 'refresh-reused'
  /** Used twice within the grace period: refused, and nothing ended. */
  | 'refresh-repeated'
  | 'code-reused'
  /** The refresh tokens of one sign-in were ended, whoever did it. */
  | 'grant-revoked'
  | 'client-refused'
  /** A program has signed in as itself: an operator, a service. */
  | 'client-token-issued'
  | 'key-added';

export interface Circumstances {
  readonly account?: string | undefined;
  readonly client?: string | undefined;
  readonly address?: string | undefined;
  readonly details?: Readonly<Record<string, unknown>>;
}

export interface Noted extends Circumstances {
  readonly id: string;
  readonly at: Date;
  readonly event: SecurityEvent;
}

/**
 * The log of security events: a table that only grows (the service's role can neither change nor delete a row). Never a
 * password, a token or what somebody typed as a name. What cannot be written down does not happen: the caller waits for
 * it.
 */
@Injectable()
export class Audit {
  constructor(private readonly database: Database) {}

  /** Inside a transaction, the event is there exactly if its effect is. */
  async note(
    event: SecurityEvent,
    { account, client, address, details = {} }: Circumstances,
    within: Transaction = this.database,
  ): Promise<void> {
    await within.query(
      'INSERT INTO security_events (event, account, client, address, details) VALUES ($1, $2, $3, $4, $5)',
      [event, account, client, address, details],
      'security-event',
    );
  }

  /** Latest first. */
  async latest({ account, limit }: { account?: string | undefined; limit: number }): Promise<Noted[]> {
    const rows = await this.database.query<Noted>(
      `SELECT id, at, event, account, client, address, details FROM security_events WHERE $1::text IS NULL OR account = $1 ORDER BY id DESC LIMIT $2`,
      [account, limit],
    );
    return rows.map(
      (row) => Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)) as unknown as Noted,
    );
  }
}
