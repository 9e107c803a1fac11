import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { MailRequest } from '@shop/contracts';
import { DomainError } from '@shop/kernel';
import { Database, type Transaction } from '@shop/platform';
import { AuthConfig } from '../auth.config.ts';
import { idInLink, linkToken, type LinkKind } from './links.ts';

/** Seconds in which the owner of a mailbox takes a second factor away that somebody else may have added. */
export const factorLinkSeconds = 3 * 24 * 60 * 60;
/** Seconds that a link works. */
const lifetimes: Record<LinkKind, number> = {
  'verify-address': 24 * 60 * 60,
  'reset-password': 30 * 60,
  'factor-added': factorLinkSeconds,
};
/** Where each kind of link leads, below the issuer. */
const paths: Record<LinkKind, string> = {
  'verify-address': 'verification',
  'reset-password': 'recovery',
  'factor-added': 'factor-removal',
};
/**
 * Seconds after the first mail until another of its kind may go to the mailbox; doubled each time, and never longer
 * than the last link works: nobody is left without one.
 */
const firstWait = 60;
/** What anybody can ask for by typing an address. */
type AskedFor = Exclude<LinkKind, 'factor-added'>;
const longestWait: Record<AskedFor, number> = {
  'verify-address': 6 * 60 * 60,
  'reset-password': lifetimes['reset-password'],
};
/** Seconds that whoever claimed a request has for it before it is handed out again. */
const lease = 20;

/** The account that an open link belongs to. */
export interface LinkOwner {
  readonly requestId: string;
  readonly accountId: string;
  readonly email: string;
  readonly verified: boolean;
  /** The second factor that a link of `factor-added` is about. */
  readonly factor: string | null;
}

/** Links to mailboxes: asked for within limits, queued for notifications, used once. */
@Injectable()
export class MailRequests {
  constructor(
    private readonly database: Database,
    private readonly config: AuthConfig,
  ) {}

  /**
   * Queues a mail to an address, if an account has it and the quota of the mailbox allows. Takes the same time and
   * writes as much whether there is an account or not: the quota is charged in any case, and waiting for the disk is
   * what takes the time.
   */
  async request(kind: AskedFor, email: string): Promise<void> {
    const address = email.trim().toLowerCase();
    await this.database.query(
      `WITH asked AS (
         INSERT INTO mail_quotas AS q (mailbox, kind, asked, next_at, last_at) VALUES ($1, $2, 1, now() + make_interval(secs => ${firstWait}), now())
         ON CONFLICT (mailbox, kind) DO UPDATE SET last_at = now(),
           asked = CASE WHEN q.last_at < now() - interval '1 day' THEN 1 ELSE q.asked + 1 END,
           next_at = now() + make_interval(secs => CASE WHEN q.last_at < now() - interval '1 day' THEN ${firstWait} ELSE least(${firstWait} * power(2, least(q.asked, 20)), $5) END)
         WHERE q.next_at <= now() RETURNING 1)
       INSERT INTO mail_requests (account, kind, expires_at)
       SELECT id, $2, now() + make_interval(secs => $4) FROM accounts, asked WHERE email = $3 AND disabled_at IS NULL AND ($2 <> 'verify-address' OR verified_at IS NULL)`,
      [hash('sha256', address, 'base64url'), kind, address.replaceAll('\0', ''), lifetimes[kind], longestWait[kind]],
      'mail-request',
    );
  }

  /** Hands out what is to be sent; what is not settled is handed out again, later each time, until its link is over. */
  async claim(limit: number, kinds: readonly MailRequest['kind'][]): Promise<MailRequest[]> {
    const rows = await this.database.query<{
      id: string;
      kind: MailRequest['kind'];
      accountId: string;
      email: string;
      expiresAt: Date;
    }>(
      `UPDATE mail_requests AS r SET attempts = r.attempts + 1, next_attempt_at = now() + make_interval(secs => ${lease} * power(2, least(r.attempts, 5)))
       FROM accounts AS a WHERE a.id = r.account AND r.id IN (
         SELECT id FROM mail_requests WHERE next_attempt_at <= now() AND expires_at > now() AND kind = ANY ($2) ORDER BY next_attempt_at LIMIT $1 FOR UPDATE SKIP LOCKED)
       RETURNING r.id, r.kind, a.id AS "accountId", a.email, r.expires_at AS "expiresAt"`,
      [limit, kinds],
      'mail-claim',
    );
    return rows.map(({ expiresAt, ...row }) => ({
      ...row,
      link: this.linkOf(row.kind, row.id),
      expiresAt: expiresAt.toISOString(),
    }));
  }

  /** It was sent, or never will be. */
  async settle(id: string): Promise<void> {
    await this.database.query('UPDATE mail_requests SET next_attempt_at = NULL WHERE id = $1', [id], 'mail-settle');
  }

  /** Whose link this is. Throws `conflict` `link-over` when it was used, is too old, or is none of ours. */
  async owner(kind: LinkKind, token: string): Promise<LinkOwner> {
    const id = idInLink(kind, token, this.config.COOKIE_KEYS);
    const [found] =
      id === undefined
        ? []
        : await this.database.query<LinkOwner>(
            `SELECT r.id AS "requestId", a.id AS "accountId", a.email, a.verified_at IS NOT NULL AS verified, r.factor FROM mail_requests r JOIN accounts a ON a.id = r.account
       WHERE r.id = $1 AND r.kind = $2 AND r.used_at IS NULL AND r.expires_at > now() AND a.disabled_at IS NULL`,
            [id, kind],
            'mail-link',
          );
    return found ?? linkOver();
  }

  /**
   * Uses a link up: of any number of parallel uses one gets through here. Every other link of its kind to the account
   * is over with it, but of factors: each link is about one.
   */
  async use(tx: Transaction, { requestId, accountId }: LinkOwner): Promise<void> {
    const used = await tx.query(
      'UPDATE mail_requests SET used_at = now(), next_attempt_at = NULL WHERE id = $1 AND used_at IS NULL AND expires_at > now() RETURNING kind',
      [requestId],
      'mail-link-use',
    );
    if (used.length === 0) linkOver();
    if (used[0]?.['kind'] === 'factor-added') return;
    await tx.query(
      'UPDATE mail_requests SET used_at = now(), next_attempt_at = NULL WHERE account = $1 AND kind = $2 AND used_at IS NULL',
      [accountId, used[0]?.['kind']],
      'mail-links-end',
    );
  }

  /**
   * Tells the owner of the mailbox that a factor was added, by a link that takes it away. In the transaction that adds
   * it: there is no factor without its mail.
   */
  async tellOfFactor(tx: Transaction, accountId: string, factor: string): Promise<void> {
    await tx.query(
      `INSERT INTO mail_requests (account, kind, expires_at, factor) VALUES ($1, 'factor-added', now() + make_interval(secs => $2), $3)`,
      [accountId, factorLinkSeconds, factor],
      'mail-factor',
    );
  }

  /** Tells notifications that mails to the account may go. */
  async release(tx: Transaction, accountId: string): Promise<void> {
    await tx.query(
      `INSERT INTO mail_requests (account, kind, expires_at) VALUES ($1, 'address-verified', now() + interval '7 days')`,
      [accountId],
      'mail-release',
    );
  }

  private linkOf(kind: MailRequest['kind'], id: string): string {
    return kind === 'address-verified'
      ? this.config.ISSUER
      : `${this.config.ISSUER}/${paths[kind]}/${linkToken(kind, id, this.config.COOKIE_KEYS)}`;
  }
}

function linkOver(): never {
  throw new DomainError('conflict', 'link-over', 'This link was used already or is too old.');
}

/** Deletes at most `limit` requests that are long over, and of quotas that no longer count. */
export async function purgeMailRequests(database: Database, limit: number): Promise<number> {
  const gone = await database.query(
    `WITH over AS (DELETE FROM mail_requests WHERE id IN (SELECT id FROM mail_requests WHERE expires_at < now() - interval '1 hour' LIMIT $1 FOR UPDATE SKIP LOCKED) RETURNING 1),
       old AS (DELETE FROM mail_quotas WHERE (mailbox, kind) IN (SELECT mailbox, kind FROM mail_quotas WHERE last_at < now() - interval '2 days' LIMIT $1 FOR UPDATE SKIP LOCKED) RETURNING 1)
     SELECT 1 FROM over UNION ALL SELECT 1 FROM old`,
    [limit],
  );
  return gone.length;
}
