import { Database, Logger } from '@shop/platform';
import { freshDatabase } from '@shop/testing';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import type { AuthConfig } from '../auth.config.ts';
import { Sealing } from '../oidc/sealing.ts';
import { KeptSecrets } from './kept-secrets.ts';

const { url } = await freshDatabase('auth');
const database = new Database(url, { size: 4, application: 'spec' });
afterAll(() => database.close());
beforeEach(() => database.query('DELETE FROM accounts'));

const lines: string[] = [];
const log = new Logger(
  'spec',
  { INSTANCE: '1', LOG_LEVEL: 'error' },
  { write: (line: string) => void lines.push(line) },
);
const [cookieKey, newCookieKey, key, newKey] = [
  'a-cookie-key-of-last-year',
  'a-cookie-key-of-this-year',
  'a-factor-key-of-last-year',
  'a-factor-key-of-this-year',
];
const secretsUnder = (FACTOR_KEYS: string[], COOKIE_KEYS = [newCookieKey]) =>
  new KeptSecrets(database, log, { COOKIE_KEYS, FACTOR_KEYS } as unknown as AuthConfig);
const under = (newestId: string) =>
  database
    .query(`SELECT 1 FROM totp_factors WHERE split_part(sealed, '.', 1) = $1`, [newestId])
    .then((rows) => rows.length);
const idOf = (secrets: KeptSecrets) => secrets.seal('x', 'x').sealed.split('.')[0]!;
const running = new AbortController().signal;

/** So many people with a factor, each as `row` has it. */
async function people(count: number, row: (account: string, secret: string) => { sealed: string | null; old: string }) {
  const all = Array.from({ length: count }, (_, n) => ({ account: crypto.randomUUID(), secret: `SECRET${n}` }));
  for (const { account, secret } of all) {
    const { sealed, old } = row(account, secret);
    await database.query(
      `INSERT INTO accounts (id, email, name, password_hash) VALUES ($1::uuid, $1::text, 'Ida', 'x')`,
      [account],
    );
    await database.query(
      'INSERT INTO totp_factors (account, sealed, sealed_secret, last_step) VALUES ($1, $2, $3, 1)',
      [account, sealed, old],
    );
  }
  return all;
}
const opened = async (secrets: KeptSecrets, account: string) => {
  const [row] = await database.query<{ sealed: string | null; old: string }>(
    'SELECT sealed, sealed_secret AS old FROM totp_factors WHERE account = $1',
    [account],
  );
  return secrets.open(account, row!);
};

describe('the secrets of second factors', () => {
  it('outlive the cookie key that the release before sealed them with, once a sweep has been by', async () => {
    const all = await people(5, (account, secret) => ({
      sealed: null,
      old: new Sealing([cookieKey]).seal(secret, `totp:${account}`),
    }));
    const both = secretsUnder([key], [newCookieKey, cookieKey]);
    expect(await opened(both, all[0]!.account)).toBe(all[0]!.secret);
    expect(await both.resealAll(running, 2)).toEqual({ resealed: 5, unopened: 0 });
    for (const { account, secret } of all) expect(await opened(secretsUnder([key]), account)).toBe(secret);
    expect(await both.resealAll(running, 2)).toEqual({ resealed: 0, unopened: 0 });
  });

  it('are sealed again under the newest key, so that an older one can be dropped', async () => {
    const before = secretsUnder([key]);
    const all = await people(3, (account, secret) => before.seal(account, secret));
    const during = secretsUnder([newKey, key]);
    await Promise.all([during.resealAll(running, 2), secretsUnder([newKey, key]).resealAll(running, 1)]);
    expect(await under(idOf(during))).toBe(3);
    for (const { account, secret } of all) expect(await opened(secretsUnder([newKey]), account)).toBe(secret);
  });

  it('are read by the release before from rows of this one, and the other way round', async () => {
    const [ida] = await people(1, (account, secret) => secretsUnder([key]).seal(account, secret));
    const [{ old } = { old: '' }] = await database.query<{ old: string }>(
      'SELECT sealed_secret AS old FROM totp_factors',
    );
    expect(new Sealing([newCookieKey]).open(old, `totp:${ida!.account}`)).toBe(ida!.secret);
  });

  it('that no key opens are counted and logged once, and hold up no other', async () => {
    const lost = await people(3, (account, secret) =>
      secretsUnder(['a-factor-key-nobody-has'], ['a-cookie-key-nobody-has']).seal(account, secret),
    );
    const [ida] = await people(1, (account, secret) => secretsUnder([key]).seal(account, secret));
    const secrets = secretsUnder([newKey, key]);
    expect(await secrets.resealAll(running, 2)).toEqual({ resealed: 1, unopened: 3 });
    await secrets.resealAll(running, 2);
    expect([await opened(secretsUnder([newKey]), ida!.account), await opened(secrets, lost[0]!.account)]).toEqual([
      ida!.secret,
      undefined,
    ]);
    expect(lines).toEqual([expect.stringContaining('put the key that was dropped back')]);
    expect(lines.join()).not.toContain('SECRET');
  });

  it('belong to one account: a row that was copied to another opens nothing', async () => {
    const secrets = secretsUnder([key]);
    const { sealed, old } = secrets.seal('11111111-1111-4111-8111-111111111111', 'SECRET');
    expect(secrets.open('22222222-2222-4222-8222-222222222222', { sealed, old })).toBeUndefined();
  });
});
