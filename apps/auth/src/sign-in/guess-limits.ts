import { createHmac, hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Database } from '@shop/platform';
import { AuthConfig } from '../auth.config.ts';

/** So many wrong passwords in a row cost nobody anything; each further one doubles the wait, up to a quarter of an hour. */
const free = 10;
const longestWait = 900;
/** All strangers together, by GCRA: 50 at once and one every 72 s, so never more than 100 in an hour. */
const interval = 72;
const burst = 50;

/** Who is trying, as far as the request tells. */
export interface Try {
  /** The address of the account, as it was typed. */
  readonly email: string;
  /** Where the request comes from. */
  readonly address: string;
  /** What `deviceOf` answered: a browser that has signed in to this account before. */
  readonly device: string | undefined;
}

/** The password is not even looked at; `waitSeconds` until it is again. */
export class TooManyGuesses extends Error {
  override readonly name = 'TooManyGuesses';
  constructor(readonly waitSeconds: number) {
    super(`Too many wrong passwords. Try again in ${waitSeconds < 90 ? `${waitSeconds} seconds` : `${Math.ceil(waitSeconds / 60)} minutes`}.`);
  }
}

/**
 * Bounds the guesses at one account, in Postgres because several instances have to count as one, and because what forgets when a cache dies
 * is no limit. A guess is counted before the password is looked at, so a hundred at once are a hundred; the right one gives back what it took.
 * Nobody can lock an owner out: a browser that has signed in before carries a cookie and is counted by itself, whatever strangers do
 * (OWASP, "device cookies"). Accounts that do not exist are counted alike, so that nothing is told.
 */
@Injectable()
export class GuessLimits {
  constructor(
    private readonly database: Database,
    private readonly config: AuthConfig,
  ) {}

  /** Counts a guess; throws TooManyGuesses. Call what it answers when the guess was right. */
  async take({ email, address, device }: Try): Promise<() => Promise<void>> {
    const account = accountKey(email);
    const source = device === undefined ? `address:${digest(address)}` : `device:${digest(device)}`;
    await this.charge(account, source);
    if (device === undefined) await this.chargeStrangers(account);
    return async () => {
      await this.database.query('DELETE FROM sign_in_attempts WHERE account = $1 AND source = $2', [account, source], 'guess-right');
      if (device === undefined) await this.database.query(`UPDATE sign_in_attempts SET next_at = next_at - make_interval(secs => ${interval}) WHERE account = $1 AND source = 'strangers'`, [account], 'guess-back');
    };
  }

  /** The value of the cookie by which a browser is known that has signed in to an account. */
  deviceCookie(email: string, credentialsVersion: number): string {
    const nonce = crypto.randomUUID();
    return `${nonce}.${this.mark(this.config.COOKIE_KEYS[0] ?? '', { email, credentialsVersion, nonce })}`;
  }

  /** The browser's own name, if its cookie is one that we gave for this account and these credentials. Version 0 is of an account that nobody has. */
  deviceOf(cookie: string | undefined, email: string, credentialsVersion = 0): string | undefined {
    const [nonce = '', mark] = cookie?.split('.') ?? [];
    return this.config.COOKIE_KEYS.some((key) => this.mark(key, { email, credentialsVersion, nonce }) === mark) ? nonce : undefined;
  }

  private mark(key: string, { email, credentialsVersion, nonce }: { email: string; credentialsVersion: number; nonce: string }): string {
    return createHmac('sha256', key).update(`device:${accountKey(email)}:${credentialsVersion}:${nonce}`).digest('base64url');
  }

  private async charge(account: string, source: string): Promise<void> {
    const taken = await this.database.query(
      `INSERT INTO sign_in_attempts AS a (account, source, failures, next_at, last_at) VALUES ($1, $2, 1, now(), now())
       ON CONFLICT (account, source) DO UPDATE SET last_at = now(),
         failures = CASE WHEN a.last_at < now() - interval '1 day' THEN 1 ELSE a.failures + 1 END,
         next_at = now() + make_interval(secs => CASE WHEN a.failures + 1 < ${free} OR a.last_at < now() - interval '1 day' THEN 0 ELSE least(power(2, least(a.failures + 1 - ${free}, 20)), ${longestWait}) END)
       WHERE a.next_at <= now() RETURNING 1`,
      [account, source],
      'guess-charge',
    );
    if (taken.length === 0) throw new TooManyGuesses(await this.waitOf(account, source, 0));
  }

  private async chargeStrangers(account: string): Promise<void> {
    const ahead = (burst - 1) * interval;
    const taken = await this.database.query(
      `INSERT INTO sign_in_attempts AS a (account, source, failures, next_at, last_at) VALUES ($1, 'strangers', 1, now() + make_interval(secs => ${interval}), now())
       ON CONFLICT (account, source) DO UPDATE SET last_at = now(), failures = a.failures + 1, next_at = greatest(a.next_at, now()) + make_interval(secs => ${interval})
       WHERE a.next_at <= now() + make_interval(secs => ${ahead}) RETURNING 1`,
      [account],
      'guess-strangers',
    );
    if (taken.length === 0) throw new TooManyGuesses(await this.waitOf(account, 'strangers', ahead));
  }

  private async waitOf(account: string, source: string, ahead: number): Promise<number> {
    const [row] = await this.database.query<{ seconds: number }>(
      'SELECT ceil(extract(epoch FROM next_at - now()))::int - $3::int AS seconds FROM sign_in_attempts WHERE account = $1 AND source = $2',
      [account, source, ahead],
    );
    return Math.max(1, row?.seconds ?? 1);
  }
}

const digest = (text: string) => hash('sha256', text, 'base64url');
const accountKey = (email: string) => digest(email.trim().toLowerCase());

/** Deletes at most `limit` counts that no longer count. */
export async function purgeAttempts(database: Database, limit: number): Promise<number> {
  const gone = await database.query(
    `DELETE FROM sign_in_attempts WHERE (account, source) IN
       (SELECT account, source FROM sign_in_attempts WHERE last_at < now() - interval '2 days' LIMIT $1 FOR UPDATE SKIP LOCKED) RETURNING 1`,
    [limit],
  );
  return gone.length;
}
