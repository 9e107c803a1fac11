import type { Transaction } from '@shop/platform';

/**
 * Ends everything that remembers a sign-in of an account: browser sessions, sign-ins under way, codes, consents being given, every family of
 * refresh tokens, and the cookies of known browsers. Belongs into the transaction of what it is for: another password, an account disabled or
 * deleted. The new version alone ends all of it, at every instance, also what is written while this commits; rows are deleted to make room.
 * Access tokens, which nobody looks up, end within five minutes. Answers the new version.
 */
export async function endSignIns(tx: Transaction, accountId: string): Promise<number> {
  const [account] = await tx.query<{ version: number }>('UPDATE accounts SET credentials_version = credentials_version + 1 WHERE id = $1 RETURNING credentials_version AS version', [accountId], 'end-sign-ins');
  await tx.query(`DELETE FROM oidc_artifacts WHERE payload ? 'accountId' AND payload ->> 'accountId' = $1`, [accountId], 'oidc-end-all');
  return account?.version ?? 0;
}

/** Ends a browser's session and every family of refresh tokens that began in it. */
export async function endSession(database: Transaction, uid: string): Promise<void> {
  await database.query(
    `DELETE FROM oidc_artifacts WHERE uid = $1 OR (grant_id IS NOT NULL AND grant_id IN (SELECT grant_id FROM oidc_artifacts WHERE payload ? 'sessionUid' AND payload ->> 'sessionUid' = $1))`,
    [uid],
    'oidc-end-session',
  );
}
