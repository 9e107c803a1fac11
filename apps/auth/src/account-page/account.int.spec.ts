import * as oauth from 'openid-client';
import { describe, expect, it } from 'vitest';
import { atTheDoor, identityOfThisFile, newcomer, signInAsAdmin, trackedUri } from '../identity.fixture.ts';
import { Visitor } from '../visitor.fixture.ts';

const { identity, shop } = await identityOfThisFile();

const somebody = () => newcomer(identity, shop);
async function signIn(
  who: { email: string; password: string },
  options: Parameters<typeof atTheDoor>[2] = {},
  client = shop,
) {
  const { browser, redeem } = await atTheDoor(identity, client, options);
  return { status: await browser.send({ email: who.email, password: who.password }), browser, redeem };
}
const refreshes = (token: string, client = shop) =>
  oauth.refreshTokenGrant(client, token).then(
    () => true,
    () => false,
  );
const accountUrl = (path = '') => new URL(`${identity.issuer}/account${path}`);
const events = async (account: string) =>
  (
    await identity.database.query<{ event: string }>(
      'SELECT event FROM security_events WHERE account = $1 ORDER BY id',
      [account],
    )
  ).map(({ event }) => event);
/** The form on the page that a button belongs to. */
const formWith = (html: string, button: RegExp) => {
  const form = [...html.matchAll(/<form method="post" action="([^"]+)">.*?<\/form>/gs)].find(([text]) =>
    button.test(text),
  );
  const which = /name="which" value="([^"]*)"/.exec(form?.[0] ?? '')?.[1];
  return {
    path: new URL(form?.[1] ?? '/no-such-form', identity.issuer),
    fields: { which: which ?? '', token: /name="token" value="([^"]*)"/.exec(form?.[0] ?? '')?.[1] ?? '' },
  };
};
const press = async (browser: Visitor, button: RegExp) => {
  const { path, fields } = formWith(browser.html, button);
  return browser.open(path, { method: 'POST', body: new URLSearchParams(fields) });
};

describe('the account page', () => {
  it('asks a browser that nobody is signed in with to sign in, and comes back', async () => {
    const { email, password } = await somebody();
    const visitor = new Visitor((url, init) => fetch(url, { ...init, redirect: 'manual' }), accountUrl(), []);
    expect(await visitor.open(accountUrl())).toBe(200);
    expect(visitor.html).toContain('<h1>Sign in</h1>');
    await visitor.send({ email, password });
    expect(visitor.at.pathname).toBe('/oidc/account');
    expect(visitor.html).toContain('<strong>This browser</strong>');
  });

  it('lists the sign-ins of its person and ends one of them, and no other', async () => {
    const ida = await somebody();
    const [phone, tablet] = [await (await signIn(ida)).redeem(), await (await signIn(ida)).redeem()];
    const stranger = await somebody();
    await ida.browser.open(accountUrl());
    expect(ida.browser.html.match(/<li>[^<]*(<strong>)?(A browser|This browser)/g)).toHaveLength(3);
    const here = formWith(ida.browser.html, /.*/).path;
    await stranger.browser.open(accountUrl());
    const foreign = formWith(stranger.browser.html, /End the sign-in/).fields;
    // With her own form's proof, somebody else's sign-in.
    expect(
      await ida.browser.open(here, {
        method: 'POST',
        body: new URLSearchParams({ ...formWith(ida.browser.html, /End the/).fields, which: foreign.which }),
      }),
    ).toBe(200);
    expect(await refreshes(stranger.refresh)).toBe(true);
    await ida.browser.open(accountUrl());
    expect(await press(ida.browser.twin(), /End all but this one/)).toBe(200);
    expect([
      await refreshes(ida.refresh),
      await refreshes(phone.refresh_token!),
      await refreshes(tablet.refresh_token!),
    ]).toEqual([true, false, false]);
    await ida.browser.open(accountUrl());
    expect(await press(ida.browser, /End the sign-in/)).toBe(200);
    expect(ida.browser.html).toContain('<h1>Sign in</h1>');
    expect(await events(ida.id)).toContain('signed-out');
  });

  it('ends all sign-ins but one, however many there are, and those that are under way', async () => {
    const ida = await somebody();
    await identity.database.query(
      `INSERT INTO oidc_artifacts (model, id, payload, expires_at, account_id, credentials_version)
       SELECT 'Session', 'many-' || n, jsonb_build_object('accountId', $1::text, 'uid', 'many-' || n, 'iat', 1), now() + interval '1 hour', $1::uuid, 1 FROM generate_series(1, 130) AS n
       UNION ALL SELECT 'Interaction', 'under-way', jsonb_build_object('session', jsonb_build_object('uid', 'many-1', 'accountId', $1::text)), now() + interval '1 hour', $1::uuid, 1`,
      [ida.id],
    );
    await ida.browser.open(accountUrl());
    expect(await press(ida.browser, /End all but this one/)).toBe(200);
    expect(
      await identity.database.query(`SELECT 1 FROM oidc_artifacts WHERE id LIKE 'many-%' OR id = 'under-way'`),
    ).toEqual([]);
    expect([ida.browser.html.includes('<strong>This browser</strong>'), await refreshes(ida.refresh)]).toEqual([
      true,
      true,
    ]);
  });

  it('takes no form that is not its own', async () => {
    const ida = await somebody();
    for (const path of ['/sign-in', '/others', '/consent', '/deletion']) {
      expect(
        await ida.browser.open(accountUrl(path), {
          method: 'POST',
          body: new URLSearchParams({ which: 'x', token: 'forged', password: ida.password }),
        }),
      ).toBe(403);
    }
  });

  it('shows what programs of others may do, and takes it back', async () => {
    const ida = await somebody();
    const tracker = await identity.client('parcel-tracker');
    const { browser, redeem } = await signIn(
      ida,
      { redirect: trackedUri, scope: 'openid offline_access orders:read', prompt: 'consent' },
      tracker,
    );
    await browser.send({ answer: 'allow' });
    const { refresh_token } = await redeem();
    await browser.open(accountUrl());
    expect(browser.html).toMatch(/Parcel Tracker<\/strong> may since .*See your orders/);
    await press(browser, /Take back what Parcel Tracker may/);
    expect(browser.html).toContain('None may do anything for you.');
    expect(await refreshes(refresh_token!, tracker)).toBe(false);
    expect(await events(ida.id)).toContain('consent-taken-back');
  });
});

describe('an account', () => {
  it('is deleted by its owner, who knows the password, and nothing of theirs is left but an id', async () => {
    const ida = await somebody();
    await ida.browser.open(accountUrl('/deletion'));
    expect(await ida.browser.send({ password: 'wrong' })).toBe(422);
    expect(await ida.browser.send({ password: ida.password })).toBe(200);
    expect([await refreshes(ida.refresh), (await signIn(ida)).status]).toEqual([false, 422]);
    const tables = await identity.database.query<{ name: string }>(
      `SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace`,
    );
    for (const { name } of tables) {
      const rows = JSON.stringify(await identity.database.query(`SELECT * FROM ${name}`));
      expect([name, rows.includes(ida.email)]).toEqual([name, false]);
      if (name !== 'security_events') expect([name, rows.includes(ida.id)]).toEqual([name, false]);
    }
    expect(await events(ida.id)).toContain('account-deleted');
  });

  it('is disabled by an admin, at once and for every way in, and enabled again', async () => {
    const ida = await somebody();
    const admin = await (await signInAsAdmin(identity, shop, { scope: 'openid accounts:write' })).redeem();
    const path = new URL(`/accounts/${ida.id}/standing`, identity.issuer);
    const put = (disabled: boolean, match: string, to = path, token = admin.access_token) =>
      fetch(to, {
        method: 'PUT',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'if-match': match },
        body: JSON.stringify({ disabled }),
      });
    expect([(await put(true, '*', path, ida.access)).status, (await put(true, '"9"')).status]).toEqual([403, 412]);
    const answer = await put(true, '"1"');
    expect([answer.status, await answer.json()]).toEqual([200, { disabled: true, version: 2 }]);
    const { status, browser } = await signIn(ida);
    expect([await refreshes(ida.refresh), status, browser.html.includes('This account is disabled')]).toEqual([
      false,
      403,
      true,
    ]);
    expect((await signIn({ ...ida, password: 'wrong' })).browser.html).not.toContain('disabled');
    expect((await put(false, '"2"')).status).toBe(200);
    expect((await signIn(ida)).status).toBe(303);
    const own = await put(true, '*', new URL(`/accounts/${admin.claims()!.sub}/standing`, identity.issuer));
    expect([own.status, await own.json()]).toMatchObject([409, { code: 'own-standing' }]);
    expect(await events(ida.id)).toEqual(
      expect.arrayContaining(['account-disabled', 'sign-in-refused', 'account-enabled']),
    );
  });
});
