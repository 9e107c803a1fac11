import { hash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Database } from '@shop/platform';
import { errors, Provider, type Adapter, type AdapterPayload } from 'oidc-provider';
import { currentExchange } from './exchange.ts';

/** Seconds in which a refresh token used twice is taken for two tabs or a lost answer, not for theft. */
export const reuseGrace = 10;

/** Models whose id opens a door by itself; every other one travels in a signed cookie or not at all. */
const credentials = new Set(['AuthorizationCode', 'RefreshToken']);

/** Told before a code or a refresh token that was used already is answered; in grace, its family goes on. */
export type NoteReuse = (payload: AdapterPayload, circumstances: { inGrace: boolean }) => Promise<void>;

interface Row {
  payload: AdapterPayload;
  consumed: number | null;
  just: boolean;
  account: string | null;
  version: number | null;
}

/**
 * Where oidc-provider keeps one kind of thing: one table in Postgres for all kinds and all instances. Each method is a
 * single statement, so two instances that do the same at the same time are told apart by the database.
 *
 * What belongs to an account is kept with the version of its credentials that the sign-in proved, and found only while
 * that is the account's version (end-sign-ins.ts). What belongs to a browser's session that was ended is neither kept
 * nor found, also when a request that was under way saves it once more: the library saves a session at the end of each
 * request, as it was at the beginning.
 */
export class ArtifactStore implements Adapter {
  constructor(
    private readonly model: string,
    private readonly database: Database,
    private readonly reused: NoteReuse = () => Promise.resolve(),
  ) {}

  async upsert(id: string, payload: AdapterPayload, expiresIn?: number): Promise<void> {
    // The credential itself is not kept: find() puts it back from what the caller shows.
    const { jti: _, ...rest } = payload;
    const account = accountOf(payload);
    await this.database.query(
      `INSERT INTO oidc_artifacts AS a (model, id, payload, expires_at, account_id, credentials_version)
       SELECT $1, $2, $3::jsonb, now() + make_interval(secs => $4), $5::uuid, coalesce($6::int, (SELECT credentials_version FROM accounts WHERE id = $5::uuid))
       WHERE NOT EXISTS (SELECT 1 FROM ended_sessions WHERE uid = $7)
       ON CONFLICT (model, id) DO UPDATE SET payload = excluded.payload, expires_at = excluded.expires_at, account_id = excluded.account_id,
         credentials_version = CASE WHEN $6::int IS NULL AND a.account_id = excluded.account_id THEN a.credentials_version ELSE excluded.credentials_version END`,
      [
        this.model,
        keyOf(id),
        credentials.has(this.model) ? rest : payload,
        expiresIn,
        account,
        account && provedVersion(payload, account),
        sessionOf(payload),
      ],
      'oidc-upsert',
    );
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    const found = await this.one('id = $2', keyOf(id), 'oidc-find');
    if (!found) return undefined;
    // oidc-provider answers reuse by revoking the family. Two parallel refreshes of an honest client would end its
    // session, so the one who comes too late but at once is only refused; it is no weaker: a stolen token gains nothing
    // in these seconds either.
    if (found.consumed !== null && credentials.has(this.model) && Provider.ctx?.oidc.route === 'token') {
      const inGrace = this.model === 'RefreshToken' && found.just;
      await this.reused(found.payload, { inGrace });
      if (inGrace) throw alreadyUsed();
    }
    return { ...found.payload, jti: id, ...(found.consumed !== null && { consumed: found.consumed }) };
  }

  async findByUid(uid: string): Promise<AdapterPayload | undefined> {
    return (await this.one('uid = $2', uid, 'oidc-find-by-uid'))?.payload;
  }

  async findByUserCode(userCode: string): Promise<AdapterPayload | undefined> {
    return (await this.one('user_code = $2', userCode, 'oidc-find-by-user-code'))?.payload;
  }

  /** Of any number of parallel uses of one code or refresh token exactly one gets through here. */
  async consume(id: string): Promise<void> {
    const consumed = await this.database.query(
      'UPDATE oidc_artifacts SET consumed_at = now() WHERE model = $1 AND id = $2 AND consumed_at IS NULL RETURNING id',
      [this.model, keyOf(id)],
      'oidc-consume',
    );
    if (consumed.length > 0) return;
    const found = await this.one('id = $2', keyOf(id), 'oidc-find');
    if (found) await this.reused(found.payload, { inGrace: this.model === 'RefreshToken' });
    throw alreadyUsed();
  }

  async destroy(id: string): Promise<void> {
    await this.database.query(
      'DELETE FROM oidc_artifacts WHERE model = $1 AND id = $2',
      [this.model, keyOf(id)],
      'oidc-destroy',
    );
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    await this.database.query(
      'DELETE FROM oidc_artifacts WHERE model = $1 AND grant_id = $2',
      [this.model, grantId],
      'oidc-revoke',
    );
  }

  private async one(where: string, value: string, name: string): Promise<Row | undefined> {
    const [row] = await this.database.query<Row>(
      `SELECT payload, extract(epoch FROM consumed_at)::int AS consumed, coalesce(consumed_at > now() - make_interval(secs => ${reuseGrace}), false) AS just,
         account_id AS account, credentials_version AS version
       FROM oidc_artifacts a WHERE model = $1 AND ${where}
         AND (account_id IS NULL OR EXISTS (SELECT 1 FROM accounts WHERE accounts.id = a.account_id AND accounts.credentials_version = a.credentials_version))
         AND NOT EXISTS (SELECT 1 FROM ended_sessions e WHERE e.uid = coalesce(a.payload ->> 'sessionUid', a.uid))`,
      [this.model, value],
      name,
    );
    if (row?.account && row.version !== null) currentExchange()?.credentials.set(row.account, row.version);
    return row;
  }
}

/**
 * Whose sign-in a thing remembers: of an interaction, of whoever gave a password there, else of whoever was signed in
 * when it began.
 */
function accountOf({ accountId, result, session }: AdapterPayload): string | undefined {
  return accountId ?? result?.login?.accountId ?? session?.accountId;
}

/** The browser's session that a thing is, or began in. */
function sessionOf({ sessionUid, uid }: AdapterPayload): string | undefined {
  return sessionUid ?? uid;
}

/**
 * The version of the credentials that were proved: when the password was looked at, or when that began which the
 * request at hand goes on with.
 */
function provedVersion({ result }: AdapterPayload, account: string): number | undefined {
  const atSignIn = result?.login?.accountId === account ? result.login['credentialsVersion'] : undefined;
  return typeof atSignIn === 'number' ? atSignIn : currentExchange()?.credentials.get(account);
}

/** Where the library's things are kept, one store for each kind. */
export abstract class Artifacts {
  abstract store(model: string, reused: NoteReuse): Adapter;
}

@Injectable()
export class PostgresArtifacts extends Artifacts {
  constructor(private readonly database: Database) {
    super();
  }

  override store(model: string, reused: NoteReuse): Adapter {
    return new ArtifactStore(model, this.database, reused);
  }
}

/** Of one length, and whatever a stranger sends as an id is one that Postgres can take. */
const keyOf = (id: string) => hash('sha256', id, 'base64url');

const alreadyUsed = () => new errors.InvalidGrant('already used');

/** Deletes at most `limit` marks of sessions that are over in any case. */
export async function purgeEndedSessions(database: Database, limit: number): Promise<number> {
  const gone = await database.query(
    'DELETE FROM ended_sessions WHERE uid IN (SELECT uid FROM ended_sessions WHERE expires_at < now() LIMIT $1 FOR UPDATE SKIP LOCKED) RETURNING 1',
    [limit],
  );
  return gone.length;
}

/** Deletes at most `limit` expired rows and says how many; safe beside other instances doing the same. */
export async function purgeExpired(database: Database, limit: number): Promise<number> {
  const gone = await database.query(
    `DELETE FROM oidc_artifacts WHERE (model, id) IN
       (SELECT model, id FROM oidc_artifacts WHERE expires_at < now() ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED) RETURNING 1`,
    [limit],
  );
  return gone.length;
}
