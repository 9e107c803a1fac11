import type { Database, Transaction } from '@shop/platform';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose';

/** The one algorithm everything here is signed with: short signatures, quick to make, known to every JWT library. */
export const signingAlgorithm = 'ES256';

/** When keys change, in seconds. */
export interface KeyTimes {
  /** How long a key is published before it signs: longer than any cache of the published keys. */
  readonly lead: number;
  /** How long a key signs before the next one is made by itself. */
  readonly rotateAfter: number;
}

/**
 * How long a key that signs no more stays published, in seconds: as long as anything it signed may be shown, the ID
 * token at sign-out included.
 */
const kept = 24 * 60 * 60;

/** What is known of a key without the key. */
export interface KeyState {
  readonly kid: string;
  readonly state: 'next' | 'signs' | 'kept';
  readonly signsFrom: Date;
}

const newestFirst = 'ORDER BY signs_from <= now() DESC, signs_from DESC';

/**
 * The private keys: the one that signs, those that are kept, those to come. The first is made here when there is none.
 */
export async function signingKeys(database: Database): Promise<JWK[]> {
  const read = () =>
    database.query<{ jwk: JWK }>(
      `SELECT jwk FROM signing_keys WHERE alg = $1 ${newestFirst}`,
      [signingAlgorithm],
      'signing-keys',
    );
  let rows = await read();
  if (rows.length === 0) {
    await alone(database, async (tx) => {
      if ((await tx.query('SELECT 1 FROM signing_keys')).length === 0) await addKey(tx, 0);
    });
    rows = await read();
  }
  return rows.map(({ jwk }) => jwk);
}

export async function keyStates(database: Database): Promise<KeyState[]> {
  return database.query<KeyState>(
    `SELECT kid, signs_from AS "signsFrom", CASE WHEN signs_from > now() THEN 'next' WHEN row_number() OVER (PARTITION BY signs_from <= now() ORDER BY signs_from DESC) = 1 THEN 'signs' ELSE 'kept' END AS state
     FROM signing_keys ${newestFirst}`,
  );
}

/**
 * Makes the next key where the one that signs has done so for long enough, or when told to; drops keys whose signatures
 * are all over. However many instances do this at once, one key is made. Answers its id, if so.
 */
export function rotate(
  database: Database,
  { lead, rotateAfter }: KeyTimes,
  { now }: { now: boolean },
): Promise<string | undefined> {
  return alone(database, async (tx) => {
    await tx.query(
      `DELETE FROM signing_keys old WHERE EXISTS (SELECT 1 FROM signing_keys newer WHERE newer.signs_from > old.signs_from AND newer.signs_from < now() - make_interval(secs => $1))`,
      [kept],
    );
    const [newest] = await tx.query<{ pending: boolean; due: boolean }>(
      `SELECT max(signs_from) > now() AS pending, max(signs_from) < now() - make_interval(secs => $1) AS due FROM signing_keys HAVING count(*) > 0`,
      [rotateAfter],
    );
    return newest && !newest.pending && (newest.due || now) ? addKey(tx, lead) : undefined;
  });
}

async function addKey(tx: Transaction, lead: number): Promise<string> {
  const { privateKey } = await generateKeyPair(signingAlgorithm, { extractable: true });
  const jwk = await exportJWK(privateKey);
  const kid = await calculateJwkThumbprint(jwk);
  await tx.query(
    `INSERT INTO signing_keys (kid, alg, jwk, signs_from) VALUES ($1, $2, $3, now() + make_interval(secs => $4))`,
    [kid, signingAlgorithm, { ...jwk, kid, alg: signingAlgorithm, use: 'sig' }, lead],
  );
  return kid;
}

function alone<T>(database: Database, work: (tx: Transaction) => Promise<T>): Promise<T> {
  return database.transaction(async (tx) => {
    await tx.query(`SELECT pg_advisory_xact_lock(hashtext('signing-keys'))`);
    return work(tx);
  });
}
