import { operatorToken, register, signIn } from '@shop/infra/login';
import * as oauth from 'openid-client';
import { importJWK, type JWK } from 'jose';
import { signed } from './forge.ts';
import type { Shop } from './shop.ts';

/** Everybody as whom each operation is tried, in this order: who may do it comes after those who may not. */
export const identities = [
  'anonymous',
  'expired',
  'wrong audience',
  'service',
  'operator',
  'other customer',
  'support',
  'admin by password alone',
  'admin',
  'owner',
] as const;
export type Identity = (typeof identities)[number];

/** A token each, but for who has none; and the accounts of the two customers. */
export interface People {
  readonly tokens: Readonly<Record<Identity, string | undefined>>;
  readonly owner: string;
  readonly other: string;
}

export async function everybody(shop: Shop): Promise<People> {
  const { issuer } = shop;
  const customer = (name: string) =>
    register({ issuer, name, email: `${name}@example.com`, password: 'correct horse battery' });
  const demo = (name: string, totp?: string) =>
    signIn({ issuer, email: `${name}@example.com`, password: 'demo-password-1', totp });
  const [owner, other, support, admin] = [
    await customer('olive'),
    await customer('oscar'),
    await demo('support'),
    await demo('admin', shop.adminTotp),
  ];
  const { subject } = await customer('alan');
  await shop.sql('auth', `UPDATE accounts SET roles = '{customer,admin}' WHERE id = $1`, [subject]);
  const withoutFactor = await signIn({ issuer, email: 'alan@example.com', password: 'correct horse battery' });
  const [row] = await shop.sql<{ jwk: JWK }>('auth', 'SELECT jwk FROM signing_keys ORDER BY signs_from LIMIT 1');
  const key = await importJWK(row!.jwk, 'ES256');
  const claims = JSON.parse(Buffer.from(owner.accessToken.split('.')[1] ?? '', 'base64url').toString()) as Record<
    string,
    unknown
  >;
  const wrong = (changed: object) =>
    signed({ ...claims, ...changed }, { alg: 'ES256', typ: 'at+jwt', kid: row!.jwk.kid }, key);
  return {
    owner: owner.subject,
    other: other.subject,
    tokens: {
      anonymous: undefined,
      expired: await wrong({ exp: Math.floor(Date.now() / 1000) - 60 }),
      'wrong audience': await wrong({ aud: 'another-api' }),
      service: await serviceToken(shop),
      operator: await operatorToken(issuer, shop.operatorSecret),
      'other customer': other.accessToken,
      support: support.accessToken,
      'admin by password alone': withoutFactor.accessToken,
      admin: admin.accessToken,
      owner: owner.accessToken,
    },
  };
}

/** What notifications has in hand when it asks auth for an address. */
async function serviceToken({ issuer, serviceSecret }: Shop): Promise<string> {
  const config = await oauth.discovery(
    new URL(issuer),
    'notifications',
    undefined,
    oauth.ClientSecretBasic(serviceSecret),
    { execute: [oauth.allowInsecureRequests] },
  );
  return (await oauth.clientCredentialsGrant(config, { scope: 'accounts:read mails:send', resource: 'urn:shop:auth' }))
    .access_token;
}
