import { createHmac, hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Database, holderOf } from '@shop/platform';
import type { Identity } from '../accounts/accounts.ts';
import { AuthConfig } from '../auth.config.ts';

/** So many wrong guesses in a row cost nothing; each further one doubles the wait, up to `longestWait` seconds. */
const free = 10;
/**
 * Of passwords from one address; of codes from everywhere together, because six digits are soon guessed, and whoever
 * guesses them has the password.
 */
const longestWait: Record<Guessed, number> = { password: 900, 'second factor': 4 * 60 * 60 };
/** What is guessed at. */
export type Guessed = 'password' | 'second factor';

/** A budget of guesses, by GCRA: `burst` at once, and one more each `interval` seconds. */
interface Budget {
  readonly name: string;
  readonly burst: number;
  readonly interval: number;
}

/**
 * Never more than 100 wrong passwords in an hour: 70 of all strangers together, 30 of all known browsers, however many
 * cookies somebody has.
 */
const strangers: Budget = { name: 'strangers', burst: 35, interval: 103 };
const knownBrowsers: Budget = { name: 'known browsers', burst: 20, interval: 360 };

/** The source of guesses that are counted together, wherever they come from. */
const everywhere = 'everywhere';

/** Who is trying, as far as the request tells. */
export interface Try {
  readonly kind: Guessed;
  /** Whose: the address of the account, as it was typed; for a second factor the account's id. */
  readonly of: string;
  /** Where the request comes from. */
  readonly address: string;
  /** What `deviceOf` answered: a browser that has signed in to this account before. */
  readonly device: string | undefined;
}

/** Whose browser is known, and under which version of the credentials. */
export type Known = Pick<Identity, 'id' | 'credentialsVersion'>;

/** The password is not even looked at; `waitSeconds` until it is again. */
export class TooManyGuesses extends Error {
  override readonly name = 'TooManyGuesses';
  constructor(readonly waitSeconds: number) {
    super(
      `Too many wrong guesses. Try again in ${waitSeconds < 90 ? `${waitSeconds} seconds` : `${Math.ceil(waitSeconds / 60)} minutes`}.`,
    );
  }
}

/**
 * Bounds the guesses at one account, in Postgres because several instances have to count as one, and because what
 * forgets when a cache dies is no limit. A guess is counted before the password is looked at, so a hundred at once are
 * a hundred; the right one gives back what it took. Nobody can lock an owner out: browsers that have signed in before
 * carry a cookie, until the password changes, and are counted by themselves, whatever strangers do (OWASP, "device
 * cookies"). Accounts that do not exist are counted alike, so that nothing is told.
 */
@Injectable()
export class GuessLimits {
  constructor(
    private readonly database: Database,
    private readonly config: AuthConfig,
  ) {}

  /** Counts a guess; throws TooManyGuesses. Call what it answers when the guess was right. */
  async take({ kind, of, address, device }: Try): Promise<() => Promise<void>> {
    const account = accountKey(kind, of);
    if (kind === 'second factor') {
      await this.charge(account, everywhere, longestWait[kind]);
      return () => this.forget(account, everywhere);
    }
    if (device !== undefined) return this.spend(account, knownBrowsers);
    const source = `address:${digest(holderOf(address))}`;
    await this.charge(account, source, longestWait[kind]);
    const giveBack = await this.spend(account, strangers);
    return async () => {
      await this.forget(account, source);
      await giveBack();
    };
  }

  private async forget(account: string, source: string): Promise<void> {
    await this.database.query(
      'DELETE FROM sign_in_attempts WHERE account = $1 AND source = $2',
      [account, source],
      'guess-right',
    );
  }

  /** The value of the cookie by which a browser is known that has signed in to an account. */
  deviceCookie({ id, credentialsVersion }: Known): string {
    const nonce = crypto.randomUUID();
    return `${nonce}.${mark(this.config.COOKIE_KEYS[0] ?? '', `account:${id}:${credentialsVersion}:${nonce}`)}`;
  }

  /**
   * What a browser's cookie calls it, if it is one that we gave for this account and these credentials. The release
   * before marked it by the address.
   */
  deviceOf(cookie: string | undefined, account: Known | undefined, email: string): string | undefined {
    const [nonce = '', given] = cookie?.split('.') ?? [];
    if (!account) return undefined;
    const { id, credentialsVersion } = account;
    const texts = [
      `account:${id}:${credentialsVersion}:${nonce}`,
      `${accountKey('password', email)}:${credentialsVersion}:${nonce}`,
    ];
    return this.config.COOKIE_KEYS.some((key) => texts.some((text) => mark(key, text) === given)) ? nonce : undefined;
  }

  /**
   * Compared with the clock, not with now(): of two at once, the one that began first and waited for the other's row
   * would find its time in the future.
   */
  private async charge(account: string, source: string, longest: number): Promise<void> {
    const taken = await this.database.query(
      `INSERT INTO sign_in_attempts AS a (account, source, failures, next_at, last_at) VALUES ($1, $2, 1, now(), now())
       ON CONFLICT (account, source) DO UPDATE SET last_at = now(),
         failures = CASE WHEN a.last_at < now() - interval '1 day' THEN 1 ELSE a.failures + 1 END,
         next_at = now() + make_interval(secs => CASE WHEN a.failures + 1 < ${free} OR a.last_at < now() - interval '1 day' THEN 0 ELSE least(power(2, least(a.failures + 1 - ${free}, 20)), $3) END)
       WHERE a.next_at <= clock_timestamp() RETURNING 1`,
      [account, source, longest],
      'guess-charge',
    );
    if (taken.length === 0) throw new TooManyGuesses(await this.waitOf(account, source, 0));
  }

  /** Takes one guess from a budget; answers how to give it back. */
  private async spend(account: string, { name, burst, interval }: Budget): Promise<() => Promise<void>> {
    const ahead = (burst - 1) * interval;
    const taken = await this.database.query(
      `INSERT INTO sign_in_attempts AS a (account, source, failures, next_at, last_at) VALUES ($1, $2, 1, now() + make_interval(secs => $3), now())
       ON CONFLICT (account, source) DO UPDATE SET last_at = now(), failures = a.failures + 1, next_at = greatest(a.next_at, now()) + make_interval(secs => $3)
       WHERE a.next_at <= now() + make_interval(secs => $4) RETURNING 1`,
      [account, name, interval, ahead],
      'guess-spend',
    );
    if (taken.length === 0) throw new TooManyGuesses(await this.waitOf(account, name, ahead));
    return async () => {
      await this.database.query(
        'UPDATE sign_in_attempts SET next_at = next_at - make_interval(secs => $3) WHERE account = $1 AND source = $2',
        [account, name, interval],
        'guess-back',
      );
    };
  }

  private async waitOf(account: string, source: string, ahead: number): Promise<number> {
    const [row] = await this.database.query<{ seconds: number }>(
      'SELECT ceil(extract(epoch FROM next_at - now()))::int - $3::int AS seconds FROM sign_in_attempts WHERE account = $1 AND source = $2',
      [account, source, ahead],
    );
    return Math.max(1, row?.seconds ?? 1);
  }
}

const mark = (key: string, text: string) => createHmac('sha256', key).update(`device:${text}`).digest('base64url');
const digest = (text: string) => hash('sha256', text, 'base64url');
/**
 * Passwords as the release before counts them. Nobody can type what a second factor is counted under: an address is
 * digested by itself.
 */
export const accountKey = (kind: Guessed, of: string) =>
  kind === 'password' ? digest(of.trim().toLowerCase()) : `${kind}:${digest(of)}`;

/** Deletes at most `limit` counts that no longer count. */
export async function purgeAttempts(database: Database, limit: number): Promise<number> {
  const gone = await database.query(
    `DELETE FROM sign_in_attempts WHERE (account, source) IN
       (SELECT account, source FROM sign_in_attempts WHERE last_at < now() - interval '2 days' LIMIT $1 FOR UPDATE SKIP LOCKED) RETURNING 1`,
    [limit],
  );
  return gone.length;
}
