import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Config, ConfigError } from './config.ts';
import { guessingBits } from './production.ts';
import { databaseSettings } from './settings.ts';

const secret = z.string().min(16);
class ShopConfig extends Config(
  z.object({
    ...databaseSettings,
    COOKIE_KEYS: secret,
    FACTOR_KEYS: secret,
    OPERATOR_CLIENT_SECRET: secret.optional(),
    SEED_DEMO: z.stringbool().default(false),
  }),
) {}

const random = (n: number) => createHash('sha256').update(`secret ${n}`).digest();
const fit = {
  ISSUER: 'https://shop.example/oidc',
  JWKS_URL: 'http://auth:3001/oidc/jwks',
  DATABASE_URL: `postgres://auth:${random(1).toString('base64url')}@db-1:5432,db-2:5432/auth`,
  COOKIE_KEYS: `${random(2).toString('base64url')},${random(3).toString('base64url')}`,
  FACTOR_KEYS: random(4).toString('base64url'),
  NODE_ENV: 'production',
};

function faultsOf(more: NodeJS.ProcessEnv): string {
  try {
    ShopConfig.parse({ ...fit, ...more });
    return '';
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
}

describe('production', () => {
  it('takes what is fit for it, and demo data that is off', () => {
    expect(faultsOf({})).toBe('');
    expect(faultsOf({ SEED_DEMO: 'false' })).toBe('');
  });

  it.each([
    ['demo data', 'SEED_DEMO', 'true'],
    ['an issuer over plain HTTP', 'ISSUER', 'http://127.0.0.1:3000/oidc'],
    ['a secret that somebody thought of', 'OPERATOR_CLIENT_SECRET', 'secret-of-the-operator'],
    ['one weak key among several', 'COOKIE_KEYS', `${random(2).toString('base64url')},a-cookie-key-of-this-year`],
    [
      'a key of cookies that seals second factors, too',
      'FACTOR_KEYS',
      `${random(4).toString('base64url')},${random(3).toString('base64url')}`,
    ],
    ['a password in an address', 'DATABASE_URL', 'postgres://auth:changemechangeme1@db:5432/auth'],
  ])('refuses %s, which is fine elsewhere, and does not show it', (_what, key, value) => {
    expect(faultsOf({ [key]: value })).toMatch(new RegExp(`^${key}: `));
    expect(faultsOf({ [key]: value })).not.toContain(value);
    expect(faultsOf({ [key]: value, NODE_ENV: 'development' })).toBe('');
  });

  it('judges only what the service reads', () => {
    expect(faultsOf({ GITHUB_TOKEN: 'a', SOME_PASSWORD: 'a' })).toBe('');
  });
});

describe('the bits that it takes to guess a secret', () => {
  it.each([
    'a-cookie-key-of-this-year',
    'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
    '00000000000000000000000000000000',
    '12345678901234567890123456789012',
    'abcdefghijklmnopqrstuvwxyz0123456789',
    '0123456789abcdef0123456789abcdef',
    'changeme-changeme-changeme-changeme',
    'P@ssw0rd!P@ssw0rd!P@ssw0rd!',
    'correct horse battery staple',
    'this-is-a-long-secret-that-nobody-guesses',
    'SuperSecretProductionKey2026',
    'A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1A1',
    'qwertyuiopasdfghjklzxcvbnm',
    'secretsecretsecretsecretsecret!!',
    '',
  ])('are too few in %s, however long it is', (weak) => expect(guessingBits(weak)).toBeLessThan(80));

  it('are enough in 32 bytes that a machine drew, however written', () => {
    const written = [...Array(5_000).keys()]
      .map(random)
      .flatMap((bytes) => [
        bytes.toString('hex'),
        bytes.toString('hex').toUpperCase(),
        bytes.toString('base64'),
        bytes.toString('base64url'),
      ]);
    expect(written.filter((secret) => guessingBits(secret) < 80)).toEqual([]);
  });
});
