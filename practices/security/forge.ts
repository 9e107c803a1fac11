import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  CompactSign,
  decodeProtectedHeader,
  exportJWK,
  exportSPKI,
  generateKeyPair,
  importJWK,
  type CryptoKey,
  type JWK,
} from 'jose';

/**
 * What a forger has in hand: real tokens of a customer, the published keys, keys of their own; and, to see each check
 * alone, the shop's own key.
 */
export interface Workshop {
  readonly access: string;
  readonly idToken: string;
  readonly refresh: string;
  readonly claims: Record<string, unknown>;
  readonly header: Record<string, unknown>;
  readonly shopKey: CryptoKey | Uint8Array;
  readonly published: JWK;
  readonly pem: string;
  readonly ownKey: CryptoKey;
  readonly ownJwk: JWK;
  /** Where the forger publishes keys, and how often anybody came for them. */
  readonly keysUrl: string;
  readonly fetched: () => number;
  close(): void;
}

export async function openWorkshop(
  tokens: { access: string; idToken: string; refresh: string },
  shopJwk: JWK,
): Promise<Workshop> {
  const { d: _, ...published } = shopJwk;
  const own = await generateKeyPair('ES256', { extractable: true });
  const ownJwk = { ...(await exportJWK(own.publicKey)), kid: 'forged', alg: 'ES256', use: 'sig' };
  let fetched = 0;
  const server = createServer((_request, response) => {
    fetched += 1;
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: [ownJwk] }));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    ...tokens,
    claims: JSON.parse(Buffer.from(tokens.access.split('.')[1] ?? '', 'base64url').toString()) as Record<
      string,
      unknown
    >,
    header: { ...decodeProtectedHeader(tokens.access) },
    shopKey: await importJWK(shopJwk, 'ES256'),
    published,
    pem: await exportSPKI((await importJWK(published, 'ES256', { extractable: true })) as CryptoKey),
    ownKey: own.privateKey,
    ownJwk,
    keysUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`,
    fetched: () => fetched,
    close: () => void server.close(),
  };
}

export const encoded = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** Signed by anybody's key; a payload that is text is taken as it is. */
export function signed(
  payload: object | string,
  header: Record<string, unknown>,
  key: CryptoKey | Uint8Array,
): Promise<string> {
  const text = typeof payload === 'string' ? payload : JSON.stringify(payload);
  // Some headers are none that jose would sign, so the library is told that it understands them.
  const crit = Object.fromEntries(((header['crit'] as string[] | undefined) ?? []).map((name) => [name, true]));
  return new CompactSign(Buffer.from(text)).setProtectedHeader(header as { alg: string }).sign(key, { crit });
}
