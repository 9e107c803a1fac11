import { Injectable } from '@nestjs/common';
import { Database, Logger } from '@shop/platform';
import { AuthConfig } from '../auth.config.ts';
import { Sealing, SealedStore } from '../oidc/sealing.ts';

/**
 * The secret of an authenticator app as its row has it. `old`: under the cookie keys, as the release before reads and
 * writes it.
 */
export interface SealedSecret {
  readonly sealed: string | null;
  readonly old: string;
}

/**
 * How the secrets of authenticator apps lie in the database: for their account only, under FACTOR_KEYS, with the id of
 * the key.
 */
@Injectable()
export class KeptSecrets {
  private readonly store: SealedStore;
  private readonly cookies: Sealing;
  private unopened = 0;

  constructor(
    private readonly database: Database,
    private readonly log: Logger,
    config: AuthConfig,
  ) {
    this.store = new SealedStore(config.FACTOR_KEYS, 'second factors');
    this.cookies = new Sealing(config.COOKIE_KEYS);
  }

  seal(account: string, secret: string): { readonly sealed: string; readonly old: string } {
    return { sealed: this.store.seal(secret, purpose(account)), old: this.cookies.seal(secret, purpose(account)) };
  }

  /** The secret; undefined when none of our keys sealed it for this account. */
  open(account: string, { sealed, old }: SealedSecret): string | undefined {
    return (
      (sealed === null ? undefined : this.store.open(sealed, purpose(account))) ??
      this.cookies.open(old, purpose(account))
    );
  }

  /**
   * Seals every secret again that is not under the newest key, `limit` rows at a time; answers how many were, and how
   * many no key of ours opens (which is logged, once for each number: somebody dropped a key too early). Safe beside
   * other instances and beside people who add and remove factors.
   */
  async resealAll(stopping: AbortSignal, limit = 500): Promise<{ resealed: number; unopened: number }> {
    let [after, resealed, unopened, more] = ['00000000-0000-0000-0000-000000000000', 0, 0, true];
    while (more && !stopping.aborted) {
      const rows = await this.database.query<SealedSecret & { account: string }>(
        `SELECT account, sealed, sealed_secret AS old FROM totp_factors WHERE account > $1 AND (sealed IS NULL OR split_part(sealed, '.', 1) <> $2) ORDER BY account LIMIT $3`,
        [after, this.store.newestId, limit],
        'factor-older-keys',
      );
      for (const row of rows) {
        const secret = this.open(row.account, row);
        if (secret === undefined) unopened += 1;
        else resealed += await this.replace(row, this.store.seal(secret, purpose(row.account)));
      }
      after = rows.at(-1)?.account ?? after;
      more = rows.length === limit;
    }
    if (!stopping.aborted) this.tell(unopened);
    return { resealed, unopened };
  }

  /** Only while the row is as it was read: somebody may have added another factor meanwhile. */
  private async replace({ account, sealed, old }: SealedSecret & { account: string }, again: string): Promise<number> {
    const replaced = await this.database.query(
      'UPDATE totp_factors SET sealed = $2 WHERE account = $1 AND sealed IS NOT DISTINCT FROM $3 AND sealed_secret = $4 RETURNING 1',
      [account, again, sealed, old],
      'factor-reseal',
    );
    return replaced.length;
  }

  private tell(unopened: number): void {
    if (unopened > 0 && unopened !== this.unopened)
      this.log.error(
        { factors: unopened },
        'no key of FACTOR_KEYS or COOKIE_KEYS opens these second factors: put the key that was dropped back into FACTOR_KEYS',
      );
    this.unopened = unopened;
  }
}

const purpose = (account: string) => `totp:${account}`;
