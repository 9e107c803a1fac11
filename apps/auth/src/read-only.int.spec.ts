import { afterAll, beforeAll, expect, it } from 'vitest';
import { atTheDoor, newcomer, redirectUri, startIdentity, type Identity } from './identity.fixture.ts';

let identity: Identity;
beforeAll(async () => void (identity = await startIdentity()));
afterAll(() => identity.close());

it('a database that takes no writes makes signing in unavailable for a moment, and is no failure of ours', async () => {
  const { database, issuer, client, instances } = identity;
  const program = await client('shop-cli');
  const { email, password, refresh } = await newcomer(identity, program);
  const { browser } = await atTheDoor(identity, program);
  const [{ name }] = (await database.query<{ name: string }>('SELECT current_database() AS name')) as [
    { name: string },
  ];
  await database.query(`ALTER ROLE CURRENT_USER IN DATABASE ${name} SET default_transaction_read_only = on`);
  await database.query(
    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()',
  );
  const query = new URLSearchParams({
    client_id: 'shop-cli',
    response_type: 'code',
    scope: 'openid',
    redirect_uri: redirectUri,
    code_challenge: 'a'.repeat(43),
    code_challenge_method: 'S256',
  });
  const headers = { 'content-type': 'application/json' };
  const answers = [
    // Nothing is stored yet where a sign-in begins.
    await fetch(`${issuer}/auth?${query}`, { redirect: 'manual' }),
    await fetch(`${issuer}/token`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'refresh_token', client_id: 'shop-cli', refresh_token: refresh }),
    }),
    await fetch(`${instances[0]?.url}/accounts`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ name: 'Ada', email: `other-${email}`, password: `${password} more` }),
    }),
  ];
  expect(answers.map(({ status, headers: said }) => [status, said.get('retry-after')])).toEqual([
    [303, null],
    [503, '1'],
    [503, '1'],
  ]);
  expect([await browser.send({ email, password }), browser.html]).toEqual([
    503,
    expect.stringContaining('The database does not answer at the moment. Try again.'),
  ]);
});
