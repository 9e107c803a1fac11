import * as oauth from 'openid-client';
import { describe, expect, it } from 'vitest';
import { atTheDoor, identityOfThisFile, newcomer, redirectUri, signedOutUri, trackedUri } from '../identity.fixture.ts';
import { Visitor } from '../visitor.fixture.ts';

const { identity, shop } = await identityOfThisFile();

type Somebody = Awaited<ReturnType<typeof newcomer>>;

const goesOn = (token: string, client = shop) =>
  oauth.refreshTokenGrant(client, token).then(
    () => true,
    () => false,
  );
const notedOf = async (account: string) =>
  (
    await identity.database.query<{ details: object }>(
      `SELECT details FROM security_events WHERE account = $1 AND event = 'signed-out'`,
      [account],
    )
  ).map(({ details }) => details);
const newBrowser = () =>
  new Visitor((url, init) => fetch(url, { ...init, redirect: 'manual' }), new URL(identity.issuer), [
    redirectUri,
    signedOutUri,
  ]);
const withHint = (
  id_token_hint: string,
  back: Record<string, string> = { post_logout_redirect_uri: signedOutUri, state: 's1' },
) => oauth.buildEndSessionUrl(shop, { id_token_hint, ...back });

async function signedInAgain({ email, password, browser }: Somebody) {
  const door = await atTheDoor(identity, shop, { browser });
  expect(await door.browser.send({ email, password })).toBe(303);
  return door.redeem();
}

async function tracked({ email, password }: Somebody) {
  const tracker = await identity.client('parcel-tracker');
  const { browser, redeem } = await atTheDoor(identity, tracker, {
    redirect: trackedUri,
    prompt: 'consent',
    scope: 'openid offline_access orders:read',
  });
  await browser.send({ email, password });
  await browser.send({ answer: 'allow' });
  return { tracker, refresh: (await redeem()).refresh_token! };
}

/** How it comes that a browser has no session, while its applications go on. */
const without: readonly [string, (ida: Somebody) => Promise<Visitor>][] = [
  ['whose cookies are lost', async () => newBrowser()],
  [
    'whose session is over',
    async ({ id, browser }) => {
      await identity.database.query(
        `DELETE FROM oidc_artifacts WHERE model = 'Session' AND payload ->> 'accountId' = $1`,
        [id],
      );
      return browser;
    },
  ],
];

describe('sign-out by an ID token', () => {
  it.each(without)('ends the sign-ins of its program in a browser %s, after asking', async (_why, lose) => {
    const ida = await newcomer(identity, shop);
    const elsewhere = await signedInAgain({ ...ida, browser: newBrowser() });
    const other = await tracked(ida);
    const browser = await lose(ida);
    expect(await browser.open(withHint(ida.idToken))).toBe(200);
    expect(browser.html).toMatch(
      /<h1>Sign out\?<\/h1>.*not signed in any more, but <strong>the shop<\/strong> may be/s,
    );
    expect(await goesOn(elsewhere.refresh_token!)).toBe(true);
    expect(await browser.send({ logout: 'yes' })).toBe(303);
    expect(browser.at.href).toBe(`${signedOutUri}?state=s1`);
    expect([await goesOn(ida.refresh), await goesOn(other.refresh, other.tracker)]).toEqual([false, true]);
    expect(await notedOf(ida.id)).toEqual([{ session: false, programs: ['shop-cli'] }]);
  });

  it('ends nothing when the person stays signed in', async () => {
    const ida = await newcomer(identity, shop);
    const browser = newBrowser();
    await browser.open(withHint(ida.idToken, {}));
    await browser.send({});
    expect(browser.html).toContain('<h1>Still signed in</h1>');
    expect(await goesOn(ida.refresh)).toBe(true);
    expect(await notedOf(ida.id)).toEqual([]);
  });

  it('ends a sign-in of an earlier session, too, where the same person has signed in again', async () => {
    const ida = await newcomer(identity, shop);
    const again = await signedInAgain({ ...ida, browser: newBrowser() });
    await ida.browser.open(withHint(ida.idToken, {}));
    await ida.browser.send({ logout: 'yes' });
    expect(ida.browser.html).toContain('You are signed out in this browser. No longer signed in: the shop.');
    expect([await goesOn(ida.refresh), await goesOn(again.refresh_token!)]).toEqual([false, false]);
  });

  it('of somebody else than is signed in is an error, and ends nothing', async () => {
    const [ida, ben] = [await newcomer(identity, shop), await newcomer(identity, shop)];
    expect(await ben.browser.open(withHint(ida.idToken))).toBe(400);
    expect(ben.browser.html).toContain('id_token_hint is of somebody else');
    expect([await goesOn(ida.refresh), await goesOn(ben.refresh)]).toEqual([true, true]);
  });
});

describe('sign-out of a browser', () => {
  it('ends every program of its session, whose grants go, too, and says which they were', async () => {
    const ida = await newcomer(identity, shop);
    const grants = () =>
      identity.database.query(`SELECT 1 FROM oidc_artifacts WHERE model = 'Grant' AND payload ->> 'accountId' = $1`, [
        ida.id,
      ]);
    expect(await grants()).toHaveLength(1);
    await ida.browser.open(oauth.buildEndSessionUrl(shop));
    await ida.browser.send({ logout: 'yes' });
    expect(ida.browser.html).toContain('You are signed out in this browser. No longer signed in: the shop.');
    expect(await goesOn(ida.refresh)).toBe(false);
    expect(await grants()).toEqual([]);
    expect(await notedOf(ida.id)).toEqual([{ session: true, programs: ['shop-cli'] }]);
  });

  it('that is not signed in says that nothing was ended', async () => {
    const browser = newBrowser();
    await browser.open(oauth.buildEndSessionUrl(shop));
    await browser.send({});
    expect(browser.html).toMatch(/<h1>Nothing to sign out<\/h1>.*was not signed in any more/s);
  });
});
