import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '@shop/platform';
import type { Identity } from '../accounts/accounts.ts';
import { Audit } from '../audit/audit.ts';
import { endSignIns, stillStands } from '../oidc/end-sign-ins.ts';
import { GuessLimits } from '../sign-in/guess-limits.ts';
import { KeptSecrets, type SealedSecret } from './kept-secrets.ts';
import { newRecoveryCodes, recoveryHash, stepOf } from './totp.ts';

/** Second factors: codes of an authenticator app, and recovery codes for who has lost it. */
@Injectable()
export class Factors {
  constructor(
    private readonly database: Database,
    private readonly secrets: KeptSecrets,
    private readonly limits: GuessLimits,
    private readonly audit: Audit,
  ) {}

  /** Whether a sign-in takes a second step: an app's code, or a passkey. */
  async has(account: string): Promise<boolean> {
    return (
      (
        await this.database.query(
          'SELECT 1 FROM totp_factors WHERE account = $1 UNION ALL SELECT 1 FROM passkeys WHERE account = $1 LIMIT 1',
          [account],
          'factor-has',
        )
      ).length > 0
    );
  }

  /** Whether somebody has an authenticator app. */
  async hasApp(account: string): Promise<boolean> {
    return (
      (await this.database.query('SELECT 1 FROM totp_factors WHERE account = $1', [account], 'factor-has-app')).length >
      0
    );
  }

  /** Factors that were added within so many seconds: an owner who did not add them has them taken away. */
  async recent(account: string, seconds: number): Promise<string[]> {
    const rows = await this.database.query<{ factor: string }>(
      `SELECT 'app' AS factor FROM totp_factors WHERE account = $1 AND created_at > now() - make_interval(secs => $2)
       UNION ALL SELECT id FROM passkeys WHERE account = $1 AND created_at > now() - make_interval(secs => $2) LIMIT 100`,
      [account, seconds],
      'factors-recent',
    );
    return rows.map(({ factor }) => factor);
  }

  /**
   * Takes factors away, `app` or the ids of passkeys, or all of them; how many there were. `by` says in the log of
   * security events who did it. Belongs beside endSignIns: who signed in with a thief's factor goes, too.
   */
  async takeAway(
    tx: Transaction,
    account: string,
    factors: readonly string[] | 'all',
    { by, address }: { by: string; address?: string },
  ): Promise<number> {
    const [apps, passkeys] = [factors === 'all' || factors.includes('app'), factors === 'all' ? null : factors];
    const gone = await tx.query<{ kind: string }>(
      `WITH apps AS (DELETE FROM totp_factors WHERE account = $1 AND $2 RETURNING 'totp' AS kind),
         keys AS (DELETE FROM passkeys WHERE account = $1 AND ($3::text[] IS NULL OR id = ANY ($3)) RETURNING 'passkey' AS kind)
       SELECT kind FROM apps UNION ALL SELECT kind FROM keys`,
      [account, apps, passkeys],
      'factors-take-away',
    );
    await this.forgetCodesOfNone(tx, account);
    for (const { kind } of gone)
      await this.audit.note('factor-removed', { account, address, details: { kind, by } }, tx);
    return gone.length;
  }

  /**
   * Takes every second factor of an account away and ends all that is signed in to it: for somebody who has lost all,
   * and has shown an operator who they are.
   */
  async takeAllAway(account: string, by: string): Promise<number> {
    return this.database.transaction(async (tx) => {
      const gone = await this.takeAway(tx, account, 'all', { by });
      if (gone > 0) await endSignIns(tx, account);
      return gone;
    });
  }

  /** Recovery codes for whose first factor was just added; none where there are some. */
  async firstCodes(tx: Transaction, account: string): Promise<readonly string[]> {
    const codes = newRecoveryCodes();
    const added = await tx.query(
      'INSERT INTO recovery_codes (account, hash) SELECT $1, unnest($2::text[]) WHERE NOT EXISTS (SELECT 1 FROM recovery_codes WHERE account = $1) RETURNING 1',
      [account, codes.map(recoveryHash)],
      'recovery-codes-add',
    );
    return added.length > 0 ? codes : [];
  }

  /** Recovery codes end with the last factor. */
  async forgetCodesOfNone(tx: Transaction, account: string): Promise<void> {
    await tx.query(
      'DELETE FROM recovery_codes r WHERE account = $1 AND NOT EXISTS (SELECT 1 FROM totp_factors WHERE account = r.account) AND NOT EXISTS (SELECT 1 FROM passkeys WHERE account = r.account)',
      [account],
      'recovery-codes-end',
    );
  }

  /**
   * Keeps the secret once a code shows that the app has it. Answers recovery codes, shown once, where the account had
   * no factor before (else none); undefined when the code is not the secret's, or another password was set meanwhile.
   */
  async add(
    { id: account, credentialsVersion }: Identity,
    { secret, code, address }: { secret: string; code: string; address: string },
    then: (tx: Transaction) => Promise<unknown>,
  ): Promise<readonly string[] | undefined> {
    const step = stepOf(secret, code);
    if (step === undefined) return undefined;
    return this.database.transaction(async (tx) => {
      if (!(await stillStands(tx, { id: account, credentialsVersion }))) return undefined;
      const { sealed, old } = this.secrets.seal(account, secret);
      const rows = await tx.query(
        'INSERT INTO totp_factors (account, sealed, sealed_secret, last_step) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING RETURNING 1',
        [account, sealed, old, step],
      );
      if (rows.length === 0) return undefined;
      await this.audit.note('factor-added', { account, address, details: { kind: 'totp' } }, tx);
      await then(tx);
      return this.firstCodes(tx, account);
    });
  }

  /** Gives an account an app's secret where it has none. */
  async seed(account: string, secret: string): Promise<void> {
    const { sealed, old } = this.secrets.seal(account, secret);
    await this.database.query(
      'INSERT INTO totp_factors (account, sealed, sealed_secret, last_step) VALUES ($1, $2, $3, 0) ON CONFLICT DO NOTHING',
      [account, sealed, old],
      'factor-seed',
    );
  }

  /**
   * Whether a code is right: one of the app, or a recovery code, which is then used up. Counts guesses; throws
   * TooManyGuesses.
   */
  async check(account: string, code: string, address: string): Promise<boolean> {
    const right = await this.limits.take({ kind: 'second factor', of: account, address, device: undefined });
    if (!(await this.isCode(account, code)) && !(await this.isRecoveryCode(account, code, address))) {
      await this.audit.note('factor-failed', { account, address });
      return false;
    }
    await right();
    return true;
  }

  /** Takes the factor away; false where another password was set meanwhile. */
  async remove({ id: account, credentialsVersion }: Identity, address: string): Promise<boolean> {
    return this.database.transaction(async (tx) => {
      if (!(await stillStands(tx, { id: account, credentialsVersion }))) return false;
      await tx.query('DELETE FROM totp_factors WHERE account = $1', [account]);
      await this.forgetCodesOfNone(tx, account);
      await this.audit.note('factor-removed', { account, address, details: { kind: 'totp' } }, tx);
      return true;
    });
  }

  /** Of any number of parallel uses of one code exactly one gets through the update. */
  private async isCode(account: string, code: string): Promise<boolean> {
    const [row] = await this.database.query<SealedSecret & Record<string, unknown>>(
      'SELECT sealed, sealed_secret AS old FROM totp_factors WHERE account = $1',
      [account],
      'factor-secret',
    );
    const secret = row && this.secrets.open(account, row);
    const step = secret === undefined ? undefined : stepOf(secret, code.replaceAll(' ', ''));
    if (step === undefined) return false;
    const used = await this.database.query(
      'UPDATE totp_factors SET last_step = $2 WHERE account = $1 AND last_step < $2 RETURNING 1',
      [account, step],
      'factor-step',
    );
    return used.length > 0;
  }

  private async isRecoveryCode(account: string, code: string, address: string): Promise<boolean> {
    const used = await this.database.query(
      'DELETE FROM recovery_codes WHERE account = $1 AND hash = $2 RETURNING 1',
      [account, recoveryHash(code)],
      'recovery-code',
    );
    if (used.length > 0) await this.audit.note('recovery-code-used', { account, address });
    return used.length > 0;
  }
}
