import * as oauth from 'openid-client';
import { describe, expect, it } from 'vitest';
import { atTheDoor, identityOfThisFile, registered, stranger } from './identity.fixture.ts';

const { identity, shop } = await identityOfThisFile();

const register = (account = stranger()) => registered(identity, shop, account);

const post = (path: string, body: object) =>
  fetch(new URL(path, identity.issuer), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

describe('a password that guessers try first', () => {
  it('is refused at registration, by page and by API, and when a password is changed', async () => {
    const { browser, status } = await register({ ...stranger(), password: 'password1234' });
    expect([status, browser.html]).toEqual([
      422,
      expect.stringContaining('id="password-wrong">Too many people use it'),
    ]);
    const answer = await post('/accounts', { ...stranger(), password: 'password1234' });
    expect([answer.status, await answer.json()]).toMatchObject([
      422,
      { code: 'weak-password', errors: [{ pointer: '/password' }] },
    ]);
    const ida = await register();
    await ida.browser.open(new URL('/oidc/password', identity.issuer));
    expect(await ida.browser.send({ email: ida.email, password: ida.password, next: `${ida.email}1` })).toBe(422);
    expect(ida.browser.html).toContain('id="next-wrong">It is made of your address');
  });
});

/** The links that were mailed to somebody since the last look. */
const linksTo = async (email: string, kind: string) =>
  (await identity.mailRequests())
    .filter((request) => request.email === email && request.kind === kind)
    .map(({ link }) => new URL(link));
const verified = async (email: string) =>
  (
    await identity.database.query<{ verified: boolean }>(
      'SELECT verified_at IS NOT NULL AS verified FROM accounts WHERE email = $1',
      [email],
    )
  )[0]?.verified;
const events = async (email: string) =>
  (
    await identity.database.query<{ event: string }>(
      'SELECT event FROM security_events WHERE account = (SELECT id::text FROM accounts WHERE email = $1) ORDER BY id',
      [email],
    )
  ).map(({ event }) => event);
const signIn = async (who: { email: string; password: string }) =>
  (await atTheDoor(identity, shop)).browser.send({ email: who.email, password: who.password });
const refreshes = (token: string) =>
  oauth.refreshTokenGrant(shop, token).then(
    () => true,
    () => false,
  );
/** A page of ours in a browser that has never been here. */
async function opened(url: URL) {
  const { browser } = await atTheDoor(identity, shop);
  return { browser, status: await browser.open(url) };
}
const askForLink = async (email: string) => {
  const { browser } = await opened(new URL(`${identity.issuer}/recovery`));
  return [await browser.send({ email }), browser.html];
};

describe('a name', () => {
  it('has no room for a link or a sentence, by page and by API', async () => {
    const { browser, status } = await register({ ...stranger(), name: 'Pay at evil.example' });
    expect([status, browser.html]).toEqual([422, expect.stringContaining('id="name-wrong"')]);
    const answer = await post('/accounts', { ...stranger(), name: 'Call 0800 1234' });
    expect([answer.status, await answer.json()]).toMatchObject([
      422,
      { code: 'not-a-name', errors: [{ pointer: '/name' }] },
    ]);
  });
});

describe('an address', () => {
  it('is proven by a link and the password together, once, and is written to only then', async () => {
    const ida = await register();
    expect([ida.status, await verified(ida.email)]).toEqual([303, false]);
    const [link, ...others] = await linksTo(ida.email, 'verify-address');
    expect(others).toEqual([]);
    for (let scanner = 0; scanner < 3; scanner++) expect((await opened(link!)).status).toBe(200);
    const { browser } = await opened(link!);
    expect(await browser.send({ password: 'not her password' })).toBe(422);
    expect(await verified(ida.email)).toBe(false);
    const both = await Promise.all(Array.from({ length: 5 }, () => browser.twin().send({ password: ida.password })));
    expect(both.sort()).toEqual([200, 410, 410, 410, 410]);
    expect([await verified(ida.email), (await opened(link!)).status]).toEqual([true, 410]);
    expect(await linksTo(ida.email, 'address-verified')).toHaveLength(1);
    expect(await events(ida.email)).toContain('address-verified');
  });

  it('is not proven by a link that is too old, was made up, or is for something else', async () => {
    const ida = await register();
    const [link] = await linksTo(ida.email, 'verify-address');
    const [id = '', proof = ''] = link!.pathname.split('/').at(-1)!.split('.');
    const paths = [
      `verification/${id}.${proof.replace(/^./, (first) => (first === 'A' ? 'B' : 'A'))}`,
      `verification/${crypto.randomUUID()}.${proof}`,
      `recovery/${id}.${proof}`,
      `verification/x`,
    ];
    for (const path of paths)
      expect([path, (await opened(new URL(`${identity.issuer}/${path}`))).status]).toEqual([path, 410]);
    await identity.database.query(`UPDATE mail_requests SET expires_at = now() WHERE id = $1`, [id]);
    expect((await opened(link!)).status).toBe(410);
  });

  it('is sent another link at a later sign-in, and not many', async () => {
    const ida = await register();
    await linksTo(ida.email, 'verify-address');
    await signIn(ida);
    expect(await linksTo(ida.email, 'verify-address')).toEqual([]);
    await identity.database.query(`UPDATE mail_quotas SET next_at = now()`);
    for (let n = 0; n < 3; n++) await signIn(ida);
    expect(await linksTo(ida.email, 'verify-address')).toHaveLength(1);
  });

  it('is told to notifications alone, and its links to nobody else', async () => {
    const operator = await oauth.clientCredentialsGrant(await identity.operator(), { scope: 'operations' });
    const ask = (headers: Record<string, string>) =>
      fetch(new URL('/mail-requests/claims', identity.issuer), {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: '{"limit":1}',
      });
    expect([(await ask({})).status, (await ask({ authorization: `Bearer ${operator.access_token}` })).status]).toEqual([
      401, 403,
    ]);
    const ida = await register();
    const [link] = await linksTo(ida.email, 'verify-address');
    const proof = link!.pathname.split('.').at(-1)!;
    expect(JSON.stringify(await identity.database.query('SELECT * FROM mail_requests'))).not.toContain(proof);
  });
});

describe('a forgotten password', () => {
  it('is set anew by whoever has the mailbox, and every sign-in ends', async () => {
    const ida = await register();
    const tokens = await ida.redeem();
    await identity.database.query('UPDATE accounts SET verified_at = now() WHERE email = $1', [ida.email]);
    await askForLink(ida.email);
    const [link] = await linksTo(ida.email, 'reset-password');
    const { browser } = await opened(link!);
    expect(await browser.send({ password: 'password1234' })).toBe(422);
    const answers = await Promise.all([1, 2, 3].map(() => browser.twin().send({ password: 'quite another password' })));
    expect(answers.sort()).toEqual([200, 410, 410]);
    expect([
      await signIn(ida),
      await signIn({ ...ida, password: 'quite another password' }),
      await refreshes(tokens.refresh_token!),
    ]).toEqual([422, 303, false]);
    expect(await events(ida.email)).toContain('password-changed');
  });

  it('is asked for in one way and answered in one way, whoever has an account; and mailed seldom', async () => {
    const ida = await register();
    const [known, again, unknown] = [
      await askForLink(ida.email),
      await askForLink(ida.email),
      await askForLink('nobody-at-all@example.com'),
    ];
    expect([again, unknown]).toEqual([known, known]);
    expect(known[0]).toBe(200);
    expect(await linksTo(ida.email, 'reset-password')).toHaveLength(1);
    const [quotas] = await identity.database.query<{ count: number }>(
      `SELECT count(*)::int FROM mail_quotas WHERE kind = 'reset-password' AND asked = 1 AND next_at > now()`,
    );
    expect(quotas!.count).toBeGreaterThanOrEqual(2);
  });

  it('can always be asked for again before the last link is over', async () => {
    const ida = await register();
    await askForLink(ida.email);
    await identity.database.query(`UPDATE mail_quotas SET asked = 30, next_at = now() WHERE kind = 'reset-password'`);
    await askForLink(ida.email);
    const [{ wait } = { wait: 0 }] = await identity.database.query<{ wait: number }>(
      `SELECT max(extract(epoch FROM next_at - last_at))::int AS wait FROM mail_quotas WHERE kind = 'reset-password'`,
    );
    expect(wait).toBe(30 * 60);
  });

  it('ends a squatter: the owner sets password and name, and what the squatter has ends', async () => {
    const squatter = await register({ ...stranger(), name: 'Your Bank' });
    const tokens = await squatter.redeem();
    await askForLink(squatter.email);
    const [link] = await linksTo(squatter.email, 'reset-password');
    const { browser } = await opened(link!);
    expect(await browser.send({ password: 'the owner of the mailbox' })).toBe(422);
    expect(await browser.send({ password: 'the owner of the mailbox', name: 'Ida Owner' })).toBe(200);
    expect([await refreshes(tokens.refresh_token!), await signIn(squatter), await verified(squatter.email)]).toEqual([
      false,
      422,
      true,
    ]);
    const [{ name }] = (await identity.database.query<{ name: string }>('SELECT name FROM accounts WHERE email = $1', [
      squatter.email,
    ])) as [{ name: string }];
    expect(name).toBe('Ida Owner');
  });
});
