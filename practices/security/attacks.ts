import { createHmac } from 'node:crypto';
import { encoded, signed, type Workshop } from './forge.ts';

/** A token that nobody may take, and how it was come by. */
export interface Attack {
  readonly name: string;
  readonly forge: (workshop: Workshop) => Promise<string> | string;
}

/** Well signed by the shop's own key, and wrong in one thing: each check is seen alone. */
const wrong =
  (claims: Record<string, unknown>, header: Record<string, unknown> = {}) =>
  (w: Workshop) =>
    signed({ ...w.claims, ...claims }, { ...w.header, ...header }, w.shopKey);
const without = (claim: string) => wrong({ [claim]: undefined });
/** By a key of the forger's, which the header recommends. */
const recommended = (header: (w: Workshop) => Record<string, unknown>) => (w: Workshop) =>
  signed(w.claims, { ...w.header, ...header(w) }, w.ownKey);
const unsigned = (alg: string) => (w: Workshop) => `${encoded({ ...w.header, alg })}.${encoded(w.claims)}.`;
/** The published key taken for a shared secret. */
const byHmac = (secret: (w: Workshop) => string) => (w: Workshop) => {
  const text = `${encoded({ ...w.header, alg: 'HS256' })}.${encoded(w.claims)}`;
  return `${text}.${createHmac('sha256', secret(w)).update(text).digest('base64url')}`;
};
const resigned =
  (signature: (original: Buffer) => Buffer, claims: Record<string, unknown> = {}) =>
  (w: Workshop) => {
    const [head, , tail = ''] = w.access.split('.');
    return `${head}.${encoded({ ...w.claims, ...claims })}.${signature(Buffer.from(tail, 'base64url')).toString('base64url')}`;
  };
const now = () => Math.floor(Date.now() / 1000);
const late = (seconds: number) => (w: Workshop) => signed({ ...w.claims, exp: now() - seconds }, w.header, w.shopKey);

export const attacks: readonly Attack[] = [
  { name: 'alg none', forge: unsigned('none') },
  { name: 'alg None', forge: unsigned('None') },
  { name: 'alg empty', forge: unsigned('') },
  { name: 'signature cut off', forge: (w) => `${w.access.split('.').slice(0, 2).join('.')}.` },
  { name: 'other claims under a real signature', forge: resigned((real) => real, { roles: ['admin'] }) },
  { name: 'signature of noughts (ECDSA r = s = 0)', forge: resigned(() => Buffer.alloc(64)) },
  { name: 'HS256 with the published key (PEM)', forge: byHmac(({ pem }) => pem) },
  { name: 'HS256 with the published key (JWK)', forge: byHmac(({ published }) => JSON.stringify(published)) },
  { name: 'HS256 with an empty secret', forge: byHmac(() => '') },
  { name: 'another key under our key id', forge: recommended(() => ({})) },
  { name: 'another key in the header (jwk)', forge: recommended(({ ownJwk }) => ({ jwk: ownJwk, kid: undefined })) },
  { name: 'another key by URL (jku)', forge: recommended(({ keysUrl }) => ({ jku: keysUrl, kid: 'forged' })) },
  { name: 'another key by URL (x5u)', forge: recommended(({ keysUrl }) => ({ x5u: keysUrl, kid: 'forged' })) },
  { name: 'key id that is a URL', forge: recommended(({ keysUrl }) => ({ kid: keysUrl })) },
  { name: 'key id that is a path', forge: recommended(() => ({ kid: '../../../../dev/null' })) },
  { name: 'key id that is SQL', forge: recommended(() => ({ kid: "' UNION SELECT 'x' --" })) },
  { name: 'no key id', forge: recommended(() => ({ kid: undefined })) },
  { name: 'ID token as access token', forge: (w) => w.idToken },
  { name: 'refresh token as access token', forge: (w) => w.refresh },
  { name: 'typ JWT', forge: wrong({}, { typ: 'JWT' }) },
  { name: 'typ of a logout token', forge: wrong({}, { typ: 'logout+jwt' }) },
  { name: 'no typ', forge: wrong({}, { typ: undefined }) },
  { name: 'another issuer', forge: wrong({ iss: 'https://evil.example/oidc' }) },
  { name: 'our issuer with a slash', forge: (w) => wrong({ iss: `${String(w.claims['iss'])}/` })(w) },
  { name: 'no issuer', forge: without('iss') },
  { name: 'another audience', forge: wrong({ aud: 'another-api' }) },
  { name: 'another audience, in a list', forge: wrong({ aud: ['another-api', 'shop.example'] }) },
  { name: 'no audience', forge: without('aud') },
  { name: 'no subject', forge: without('sub') },
  { name: 'no client', forge: without('client_id') },
  { name: 'no expiry', forge: without('exp') },
  { name: 'expiry that is no number', forge: wrong({ exp: '9999999999' }) },
  { name: 'expired, just beyond the leeway', forge: late(35) },
  { name: 'expired long ago', forge: late(86_400) },
  { name: 'not valid yet', forge: (w) => signed({ ...w.claims, nbf: now() + 600 }, w.header, w.shopKey) },
  {
    name: 'a claim twice',
    forge: (w) => signed(JSON.stringify(w.claims).replace('{', '{"sub":"somebody-else",'), w.header, w.shopKey),
  },
  {
    name: 'a header that must be understood (crit)',
    forge: wrong({}, { crit: ['urn:shop:unknown'], 'urn:shop:unknown': true }),
  },
  { name: 'a payload that is no JSON', forge: (w) => signed('roles=admin', w.header, w.shopKey) },
  { name: 'five parts (a JWE)', forge: (w) => `${w.access}.${encoded('a')}.${encoded('b')}` },
  { name: 'a huge token', forge: (w) => signed({ ...w.claims, filler: 'x'.repeat(8_000) }, w.header, w.shopKey) },
  { name: 'two tokens in one header', forge: (w) => `${unsigned('none')(w)} ${w.access}` },
];
