import type { Database } from '@shop/platform';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from 'jose';

/** The one algorithm everything here is signed with: short signatures, quick to make, known to every JWT library. */
export const signingAlgorithm = 'ES256';

/**
 * The private keys, the one that signs first. The first start makes a key, and so does the first after it was retired; of several at
 * once the table lets one key in, and all read that one.
 */
export async function signingKeys(database: Database): Promise<JWK[]> {
  const current = await database.query('SELECT 1 FROM signing_keys WHERE alg = $1 AND retired_at IS NULL', [signingAlgorithm]);
  if (current.length === 0) await addKey(database);
  return readKeys(database);
}

async function addKey(database: Database): Promise<void> {
  const { privateKey } = await generateKeyPair(signingAlgorithm, { extractable: true });
  const jwk = await exportJWK(privateKey);
  const kid = await calculateJwkThumbprint(jwk);
  await database.query(
    'INSERT INTO signing_keys (kid, alg, jwk) VALUES ($1, $2, $3) ON CONFLICT (alg) WHERE retired_at IS NULL DO NOTHING',
    [kid, signingAlgorithm, { ...jwk, kid, alg: signingAlgorithm, use: 'sig' }],
  );
}

async function readKeys(database: Database): Promise<JWK[]> {
  const rows = await database.query<{ jwk: JWK }>('SELECT jwk FROM signing_keys ORDER BY retired_at DESC NULLS FIRST');
  return rows.map((row) => row.jwk);
}
