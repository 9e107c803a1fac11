import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT, type JWK } from 'jose';

/** Signs tokens and publishes its keys over HTTP, as auth does. */
export interface Issuer {
  readonly name: string;
  readonly keysUrl: string;
  readonly privateJwk: JWK;
  /** A customer's, good for reading orders, unless said otherwise. */
  access(jti: string, claims?: { readonly scope?: string; readonly roles?: readonly string[] }): Promise<string>;
  idToken(): Promise<string>;
  close(): void;
}

export async function openIssuer(): Promise<Issuer> {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  const privateJwk = { ...(await exportJWK(privateKey)), kid: 'of-the-shop', alg: 'ES256', use: 'sig' };
  const { d: _, ...published } = privateJwk;
  const server = createServer(
    (_request, response) =>
      void response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: [published] })),
  );
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const name = 'http://shop.example/oidc';
  const token = (typ: string, audience: string, claims: object) =>
    new SignJWT({ ...claims })
      .setProtectedHeader({ alg: 'ES256', typ, kid: 'of-the-shop' })
      .setIssuer(name)
      .setAudience(audience)
      .setSubject('customer-1')
      .setIssuedAt()
      .setExpirationTime('5m')
      .sign(privateKey);
  return {
    name,
    privateJwk,
    keysUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`,
    access: (jti, claims) =>
      token('at+jwt', 'shop', { client_id: 'shop-cli', scope: 'orders:read', roles: ['customer'], ...claims, jti }),
    idToken: () => token('JWT', 'shop-cli', { nonce: 'n' }),
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
