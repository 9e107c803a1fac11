import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  CompactSign,
  exportJWK,
  generateKeyPair,
  SignJWT,
  UnsecuredJWT,
  type CryptoKey,
  type JWTHeaderParameters,
} from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { InvalidToken, TokenVerifier } from './token-verifier.ts';

const issuer = 'http://shop.test/oidc';
let keys: Server;
let keysUrl: string;
let fetches = 0;
let ours: CryptoKey;
let theirs: CryptoKey;

beforeAll(async () => {
  const pair = await generateKeyPair('ES256');
  ours = pair.privateKey;
  theirs = (await generateKeyPair('ES256')).privateKey;
  const published = JSON.stringify({
    keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'one', alg: 'ES256', use: 'sig' }],
  });
  keys = createServer((_request, response) => {
    fetches += 1;
    response.end(published);
  });
  await new Promise<void>((listening) => keys.listen(0, '127.0.0.1', listening));
  keysUrl = `http://127.0.0.1:${(keys.address() as AddressInfo).port}/jwks`;
});
afterAll(() => keys.close());
afterEach(() => vi.useRealTimers());

interface Forgery {
  readonly header?: Partial<JWTHeaderParameters>;
  readonly claims?: Record<string, unknown>;
  readonly expires?: string | number;
  readonly key?: CryptoKey;
}

const claims = {
  iss: issuer,
  aud: 'shop',
  sub: 'customer-1',
  client_id: 'shop-cli',
  scope: 'orders:read orders:write',
  roles: ['customer'],
};

const token = ({ header, claims: changed, expires = '5m', key = ours }: Forgery = {}) =>
  new SignJWT({ ...claims, ...changed })
    .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'one', ...header })
    .setIssuedAt()
    .setExpirationTime(expires)
    .sign(key);

describe('a valid access token', () => {
  it('names subject, client, scopes and roles, and is kept to be passed on', async () => {
    const raw = await token();
    expect(await new TokenVerifier(issuer, keysUrl).verify(raw)).toEqual({
      subject: 'customer-1',
      clientId: 'shop-cli',
      scopes: new Set(['orders:read', 'orders:write']),
      roles: new Set(['customer']),
      token: raw,
    });
  });

  it('is verified once: the same token again is remembered, and expires all the same', async () => {
    const verifier = new TokenVerifier(issuer, keysUrl);
    const raw = await token({ expires: '5m' });
    vi.useFakeTimers({ toFake: ['Date', 'performance'], now: Date.now() });
    expect(await verifier.verify(raw)).toBe(await verifier.verify(raw));
    vi.advanceTimersByTime(329_000);
    expect(await verifier.verify(raw)).toMatchObject({ subject: 'customer-1' });
    vi.advanceTimersByTime(3_000);
    await expect(verifier.verify(raw)).rejects.toBeInstanceOf(InvalidToken);
  });

  it('is remembered no longer because a clock was set back', async () => {
    const verifier = new TokenVerifier(issuer, keysUrl);
    const raw = await token({ expires: '5m' });
    vi.useFakeTimers({ toFake: ['Date', 'performance'], now: Date.now() });
    await verifier.verify(raw);
    vi.setSystemTime(Date.now() - 3_600_000);
    expect(verifier.known(raw)).toMatchObject({ subject: 'customer-1' });
    vi.advanceTimersByTime(331_000);
    expect(verifier.known(raw)).toBeUndefined();
  });

  it('may come from a machine, without roles', async () => {
    const { roles, scopes } = await new TokenVerifier(issuer, keysUrl).verify(
      await token({ claims: { roles: undefined, scope: undefined } }),
    );
    expect([roles.size, scopes.size]).toEqual([0, 0]);
  });
});

describe('a token is refused', () => {
  let twice: string;
  beforeAll(async () => {
    const now = Math.floor(Date.now() / 1000);
    const body = JSON.stringify({ ...claims, sub: 'somebody', iat: now, exp: now + 60 }).replace(
      '{',
      '{"sub":"somebody else",',
    );
    twice = await new CompactSign(Buffer.from(body))
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'one' })
      .sign(ours);
  });
  const unsigned = () => new UnsecuredJWT(claims).setIssuedAt().setExpirationTime('5m').encode();
  const byHmac = () =>
    new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', kid: 'one' })
      .setExpirationTime('5m')
      .sign(new TextEncoder().encode('x'.repeat(32)));

  it.each<[string, () => Promise<string> | string]>([
    ['meant for another API', () => token({ claims: { aud: 'another' } })],
    ['of another issuer', () => token({ claims: { iss: 'http://evil.test/oidc' } })],
    ['that has expired', () => token({ expires: Math.floor(Date.now() / 1000) - 31 })],
    ['that is not valid yet', () => token({ claims: { nbf: Math.floor(Date.now() / 1000) + 40 } })],
    ['with a claim twice', () => twice],
    ['that is huge', () => token({ claims: { x: 'x'.repeat(5_000) } })],
    ['meant for another service', () => token({ claims: { aud: 'auth' } })],
    ['that is an ID token', () => token({ header: { typ: 'JWT' } })],
    ['of an unknown key', () => token({ header: { kid: 'two' } })],
    ['signed by somebody else under our key id', () => token({ key: theirs })],
    ['without a subject', () => token({ claims: { sub: undefined } })],
    ['without a client', () => token({ claims: { client_id: undefined } })],
    ['without a signature (alg none)', unsigned],
    ['signed with a shared secret', byHmac],
    ['that is none at all', () => 'a.b.c'],
  ])('%s', async (_what, forge) => {
    await expect(new TokenVerifier(issuer, keysUrl).verify(await forge())).rejects.toBeInstanceOf(InvalidToken);
  });
});

describe('a token for one service', () => {
  it('is taken by it, beside those of the whole shop', async () => {
    const verifier = new TokenVerifier(issuer, keysUrl, { audiences: ['shop', 'auth'] });
    for (const aud of ['shop', 'auth'])
      expect(await verifier.verify(await token({ claims: { aud } }))).toMatchObject({ subject: 'customer-1' });
    await expect(verifier.verify(await token({ claims: { aud: 'orders' } }))).rejects.toBeInstanceOf(InvalidToken);
  });
});

describe('the published keys', () => {
  it('are had from any instance of who publishes them', async () => {
    const nobody = 'http://127.0.0.1:1/jwks';
    for (const urls of [
      [nobody, keysUrl],
      [keysUrl, nobody],
    ])
      expect(await new TokenVerifier(issuer, urls).verify(await token())).toMatchObject({ subject: 'customer-1' });
    await expect(new TokenVerifier(issuer, [nobody, nobody]).verify(await token())).rejects.toMatchObject({
      code: 'keys-unavailable',
    });
  });

  it('are fetched once, not again for each token with a made-up key id', async () => {
    const verifier = new TokenVerifier(issuer, keysUrl);
    const before = fetches;
    for (const kid of ['one', 'x', 'y', 'z'])
      await verifier.verify(await token({ header: { kid } })).catch(() => undefined);
    expect(fetches - before).toBe(1);
  });

  it.each(['http://127.0.0.1:1/jwks', 'http://unresolvable.invalid/jwks'])(
    'being out of reach is no fault of the token: %s',
    async (url) => {
      await expect(new TokenVerifier(issuer, url).verify(await token())).rejects.toMatchObject({
        kind: 'unavailable',
        code: 'keys-unavailable',
      });
    },
  );

  it('that are known stay good for other tokens while a made-up key id cannot be looked up', async () => {
    const published = await (await fetch(keysUrl)).text();
    const brief = createServer((_request, response) => void response.end(published));
    await new Promise<void>((listening) => brief.listen(0, '127.0.0.1', listening));
    const verifier = new TokenVerifier(issuer, `http://127.0.0.1:${(brief.address() as AddressInfo).port}/jwks`);
    await verifier.verify(await token());
    brief.closeAllConnections();
    brief.close();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 6_000 });
    await expect(verifier.verify(await token({ header: { kid: 'made-up' } }))).rejects.toMatchObject({
      code: 'keys-unavailable',
    });
    expect(await verifier.verify(await token())).toMatchObject({ subject: 'customer-1' });
  });
});
