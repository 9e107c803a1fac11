import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Database, type Transaction } from '@shop/platform';
import type { Identity } from '../accounts/accounts.ts';
import { Audit } from '../audit/audit.ts';
import { AuthConfig } from '../auth.config.ts';
import { Factors } from '../factors/factors.ts';
import { stillStands } from '../oidc/end-sign-ins.ts';
import { Sealing } from '../oidc/sealing.ts';
import { GuessLimits } from '../sign-in/guess-limits.ts';
import { Ceremony, ceremonyMs, passkeyIn, type Answer, type Passkey } from './ceremony.ts';

/** So many an account may have. */
const most = 10;

/** A passkey as its owner sees it. */
export interface OwnPasskey {
  readonly id: string;
  readonly name: string;
  readonly createdAt: Date;
  readonly lastUsedAt: Date | null;
}

/** What a page carries of a ceremony: what the browser is asked, and the challenge, sealed for that page. */
export interface Asked {
  readonly options: string;
  readonly sealed: string;
}

type Proof = Pick<Identity, 'id' | 'credentialsVersion'>;

/**
 * Passkeys as second factors: added, named, removed and used. Nothing is kept of a ceremony that nobody ends; the
 * challenge of one that was ended is good once.
 */
@Injectable()
export class Passkeys {
  private readonly ceremony: Ceremony;
  private readonly sealing: Sealing;

  constructor(
    private readonly database: Database,
    private readonly factors: Factors,
    private readonly limits: GuessLimits,
    private readonly audit: Audit,
    config: AuthConfig,
  ) {
    this.ceremony = new Ceremony(config.ISSUER);
    this.sealing = new Sealing(config.COOKIE_KEYS);
  }

  /** Whether browsers make passkeys here at all. */
  get isPossible(): boolean {
    return this.ceremony.isPossible;
  }

  list(account: string): Promise<OwnPasskey[]> {
    return this.database.query<OwnPasskey & Record<string, unknown>>(
      'SELECT id, name, created_at AS "createdAt", last_used_at AS "lastUsedAt" FROM passkeys WHERE account = $1 ORDER BY created_at LIMIT 100',
      [account],
      'passkeys-list',
    );
  }

  /** What a page asks the browser to make; `page` is what the page belongs to, and nothing else takes the answer. */
  async askToMake({ account, email }: { account: string; email: string }, page: string): Promise<Asked> {
    return this.asked(await this.ceremony.registration({ account, email, known: await this.of(account) }), page);
  }

  /** What a page asks the browser to sign; undefined for who has no passkey. */
  async askToSign(account: string, page: string): Promise<Asked | undefined> {
    const known = await this.of(account);
    return known.length === 0 ? undefined : this.asked(await this.ceremony.authentication(known), page);
  }

  /**
   * Adds the passkey that was made. Answers recovery codes, shown once, where the account had no factor before (else
   * none); undefined when the answer is not right, was given before, or another password was set meanwhile. `then` is
   * part of the transaction.
   */
  async add(
    proof: Proof,
    {
      page,
      sealed,
      answer,
      name,
      address,
    }: { page: string; sealed: string; answer: Answer; name: string; address: string },
    then: (tx: Transaction, id: string) => Promise<unknown>,
  ): Promise<readonly string[] | undefined> {
    const challenge = await this.challengeOf(sealed, page);
    const made = challenge === undefined ? undefined : await this.ceremony.made(answer, challenge);
    if (!made) return undefined;
    return this.database.transaction(async (tx) => {
      if (!(await stillStands(tx, proof))) return undefined;
      const added = await tx.query(
        `INSERT INTO passkeys (id, account, public_key, counter, transports, name)
         SELECT $1, $2::uuid, $3, $4, $5, $6 WHERE (SELECT count(*) FROM passkeys WHERE account = $2::uuid) < ${most} ON CONFLICT DO NOTHING RETURNING 1`,
        [made.id, proof.id, Buffer.from(made.publicKey), made.counter, made.transports, name],
        'passkey-add',
      );
      if (added.length === 0) return undefined;
      await this.audit.note('factor-added', { account: proof.id, address, details: { kind: 'passkey' } }, tx);
      await then(tx, made.id);
      return this.factors.firstCodes(tx, proof.id);
    });
  }

  /** Whether a passkey of the account signed what the page asked. Counts guesses; throws TooManyGuesses. */
  async check(
    account: string,
    { page, sealed, answer, address }: { page: string; sealed: string; answer: Answer; address: string },
  ): Promise<boolean> {
    const right = await this.limits.take({ kind: 'second factor', of: account, address, device: undefined });
    const passkey = (await this.of(account)).find(({ id }) => id === passkeyIn(answer));
    const challenge = await this.challengeOf(sealed, page);
    const counter =
      passkey && challenge !== undefined ? await this.ceremony.used(answer, challenge, passkey) : undefined;
    if (!passkey || counter === undefined || !(await this.countOn(passkey, counter))) {
      await this.audit.note('factor-failed', { account, address, details: { kind: 'passkey' } });
      return false;
    }
    await right();
    return true;
  }

  async rename(account: string, id: string, name: string): Promise<void> {
    await this.database.query(
      'UPDATE passkeys SET name = $3 WHERE account = $1 AND id = $2',
      [account, id, name],
      'passkey-name',
    );
  }

  /** Takes one away; false where it is not theirs, or another password was set meanwhile. */
  async remove(proof: Proof, id: string, address: string): Promise<boolean> {
    return this.database.transaction(async (tx) => {
      if (!(await stillStands(tx, proof))) return false;
      const gone = await tx.query(
        'DELETE FROM passkeys WHERE account = $1 AND id = $2 RETURNING 1',
        [proof.id, id],
        'passkey-remove',
      );
      if (gone.length === 0) return false;
      await this.factors.forgetCodesOfNone(tx, proof.id);
      await this.audit.note('factor-removed', { account: proof.id, address, details: { kind: 'passkey' } }, tx);
      return true;
    });
  }

  private async of(account: string): Promise<Passkey[]> {
    const rows = await this.database.query<{ id: string; key: Buffer; counter: string; transports: string[] }>(
      'SELECT id, public_key AS key, counter, transports FROM passkeys WHERE account = $1 ORDER BY created_at LIMIT 100',
      [account],
      'passkeys-of',
    );
    return rows.map(({ key, counter, ...passkey }) => ({
      ...passkey,
      publicKey: new Uint8Array(key),
      counter: Number(counter),
    }));
  }

  /** Of two answers with one count, which a copied key would give, one gets through. */
  private async countOn({ id }: Passkey, counter: number): Promise<boolean> {
    const counted = await this.database.query(
      'UPDATE passkeys SET counter = $2, last_used_at = now() WHERE id = $1 AND (counter < $2 OR (counter = 0 AND $2 = 0)) RETURNING 1',
      [id, counter],
      'passkey-count',
    );
    return counted.length > 0;
  }

  private asked(options: { challenge: string }, page: string): Asked {
    return {
      options: JSON.stringify(options),
      sealed: this.sealing.seal(
        JSON.stringify({ challenge: options.challenge, until: Date.now() + ceremonyMs }),
        `passkey:${page}`,
      ),
    };
  }

  /** The challenge of a page, at the first time that it is answered. */
  private async challengeOf(sealed: string, page: string): Promise<string | undefined> {
    const { challenge, until } = JSON.parse(this.sealing.open(sealed, `passkey:${page}`) ?? '{"until":0}') as {
      challenge?: string;
      until: number;
    };
    if (challenge === undefined || until < Date.now()) return undefined;
    const first = await this.database.query(
      `INSERT INTO used_challenges (hash, expires_at) VALUES ($1, now() + make_interval(secs => ${ceremonyMs / 1_000 + 60})) ON CONFLICT DO NOTHING RETURNING 1`,
      [hash('sha256', challenge, 'base64url')],
      'challenge-use',
    );
    return first.length > 0 ? challenge : undefined;
  }
}

/** Deletes at most `limit` challenges that are over. */
export async function purgeChallenges(database: Database, limit: number): Promise<number> {
  const gone = await database.query(
    'DELETE FROM used_challenges WHERE hash IN (SELECT hash FROM used_challenges WHERE expires_at < now() LIMIT $1 FOR UPDATE SKIP LOCKED) RETURNING 1',
    [limit],
  );
  return gone.length;
}
