import type { Transaction } from '@shop/platform';
import { accountKey } from '../sign-in/guess-limits.ts';

/**
 * Ends everything that remembers a sign-in of an account: browser sessions, sign-ins under way, codes, consents being
 * given, every family of refresh tokens, the cookies of known browsers, and mailed links that set another password.
 * Belongs into the transaction of what it is for: another password, an account disabled or deleted. The new version
 * alone ends all of it, at every instance, also what is written while this commits; rows are deleted to make room.
 * Access tokens, which nobody looks up, end within five minutes. Answers the new version.
 */
export async function endSignIns(tx: Transaction, accountId: string): Promise<number> {
  const [account] = await tx.query<{ version: number }>(
    'UPDATE accounts SET credentials_version = credentials_version + 1 WHERE id = $1 RETURNING credentials_version AS version',
    [accountId],
    'end-sign-ins',
  );
  await tx.query(
    `DELETE FROM oidc_artifacts WHERE payload ? 'accountId' AND payload ->> 'accountId' = $1`,
    [accountId],
    'oidc-end-all',
  );
  await tx.query(
    `UPDATE mail_requests SET used_at = now(), next_attempt_at = NULL WHERE account = $1 AND kind = 'reset-password' AND used_at IS NULL`,
    [accountId],
    'reset-links-end',
  );
  // Whoever had the password may have used up the guesses at its owner's second factor.
  await tx.query(
    'DELETE FROM sign_in_attempts WHERE account = $1',
    [accountKey('second factor', accountId)],
    'factor-guesses-end',
  );
  return account?.version ?? 0;
}

/**
 * Whether what somebody proved with a password still stands, and keeps it so until the transaction ends: false where
 * another password was set meanwhile. Belongs before whatever the password was asked for.
 */
export async function stillStands(
  tx: Transaction,
  { id, credentialsVersion }: { id: string; credentialsVersion: number },
): Promise<boolean> {
  const rows = await tx.query(
    'SELECT 1 FROM accounts WHERE id = $1 AND credentials_version = $2 FOR UPDATE',
    [id, credentialsVersion],
    'proof-stands',
  );
  return rows.length > 0;
}

/**
 * Ends a browser's session, for good (the mark keeps it from being saved again), and every family of refresh tokens
 * that began in it; the programs that had them. Grants go, too: without its grant no token is refreshed any more, also
 * none that is written while this commits.
 */
export async function endSession(database: Transaction, uid: string): Promise<string[]> {
  const gone = await database.query<{ client: string }>(
    `WITH families AS (SELECT DISTINCT grant_id FROM oidc_artifacts WHERE payload ? 'sessionUid' AND payload ->> 'sessionUid' = $1 AND grant_id IS NOT NULL),
       mark AS (INSERT INTO ended_sessions (uid) VALUES ($1) ON CONFLICT DO NOTHING),
       session AS (DELETE FROM oidc_artifacts WHERE model = 'Session' AND uid = $1),
       grants AS (DELETE FROM oidc_artifacts WHERE model = 'Grant' AND id IN (SELECT ${keyInSql('grant_id')} FROM families)),
       tokens AS (DELETE FROM oidc_artifacts WHERE grant_id IN (SELECT grant_id FROM families) RETURNING payload ->> 'clientId' AS client)
     SELECT DISTINCT client FROM tokens WHERE client IS NOT NULL`,
    [uid],
    'oidc-end-session',
  );
  return gone.map(({ client }) => client);
}

/**
 * Ends every family of refresh tokens that one program has of an account, wherever it was begun; how many things that
 * ended.
 */
export async function endFamilies(
  database: Transaction,
  { account, client }: { account: string; client: string },
): Promise<number> {
  const gone = await database.query(
    `DELETE FROM oidc_artifacts WHERE payload ? 'accountId' AND payload ->> 'accountId' = $1 AND payload ->> 'clientId' = $2 RETURNING 1`,
    [account, client],
    'oidc-end-families',
  );
  return gone.length;
}

/** What artifact-store.ts makes of an id, in SQL. */
const keyInSql = (id: string) =>
  `rtrim(translate(encode(sha256(convert_to(${id}, 'UTF8')), 'base64'), '+/', '-_'), '=')`;
