import * as oauth from 'openid-client';
import { describe, expect, it } from 'vitest';
import { atTheDoor, identityOfThisFile, newcomer, trackedUri } from '../identity.fixture.ts';
import { endSignIns } from './end-sign-ins.ts';

const { identity, shop } = await identityOfThisFile();

type Somebody = Awaited<ReturnType<typeof newcomer>>;
const next = 'another long password';

/** What ends all sign-ins of an account. What else does belongs here. */
const causes: readonly [string, (ida: Somebody) => Promise<unknown>][] = [
  ['another password', changePassword],
  [
    'endSignIns alone, as whatever else ends an account calls it',
    ({ id }) => identity.database.transaction((tx) => endSignIns(tx, id)),
  ],
];

/**
 * Everything that remembers a sign-in: prepares it, and answers a try to go on with it, which is true where that
 * worked.
 */
const memories: readonly [string, (ida: Somebody) => Promise<() => Promise<boolean>>][] = [
  ['a sign-in whose password was right and that was not finished', unfinished],
  ['an authorization code', async (ida) => worked((await signedIn(ida)).redeem)],
  ['a family of refresh tokens', async ({ refresh }) => worked(() => oauth.refreshTokenGrant(shop, refresh))],
  ['a family of refresh tokens of another program, with its consent', consented],
  [
    'a consent that is asked',
    (ida) =>
      consenting(ida).then(({ browser, redeem }) => worked(() => browser.send({ answer: 'allow' }).then(redeem))),
  ],
  [
    'the session of a browser',
    async ({ browser }) =>
      async () => {
        await browser.open(oauth.buildEndSessionUrl(shop));
        return browser.html.includes('Sign out?');
      },
  ],
  ['the cookie of a known browser', knownBrowser],
  ['a mailed link that sets another password', mailedLink],
];

describe.each(causes)('%s', (_cause, end) => {
  it.each(memories)('ends %s', async (_memory, prepare) => {
    const [ida, neighbour] = [await newcomer(identity, shop), await newcomer(identity, shop)];
    const [goOn, othersGoOn] = [await prepare(ida), await prepare(neighbour)];
    await end(ida);
    expect(await goOn()).toBe(false);
    expect(await othersGoOn()).toBe(true);
  });
});

describe('what is written while sign-ins end', () => {
  it('is nobody’s sign-in: two hundred refreshes beside a new password leave nothing that goes on', async () => {
    const ida = await newcomer(identity, shop);
    const families = [ida.refresh];
    while (families.length < 8) families.push((await (await signedIn(ida)).redeem()).refresh_token!);
    const last = new Map<number, string>();
    let ended = false;
    const refreshing = families.map(async (token, n) => {
      for (let tries = 0; !ended && tries < 25; tries++) {
        last.set(n, token);
        token = await oauth.refreshTokenGrant(shop, token).then(
          ({ refresh_token }) => refresh_token!,
          () => token,
        );
      }
      last.set(n, token);
    });
    await changePassword(ida);
    ended = true;
    await Promise.all(refreshing);
    const outcomes = await Promise.all(
      [...last.values()].map((token) => worked(() => oauth.refreshTokenGrant(shop, token))()),
    );
    expect(outcomes).toEqual(families.map(() => false));
  });
});

describe('a change of the password', () => {
  it('that was begun with a password which is no longer right changes nothing', async () => {
    const { email, password } = await newcomer(identity, shop);
    const change = async (to: string) => {
      const { browser } = await atTheDoor(identity, shop);
      await browser.open(new URL('/oidc/password', identity.issuer));
      return () => browser.send({ email, password, next: to });
    };
    const [one, other] = await Promise.all([change('an owner chose this one'), change('a thief chose this one')]);
    expect((await Promise.all([one(), other()])).toSorted()).toEqual([200, 422]);
  });
});

const worked = (act: () => Promise<unknown>) => () =>
  act().then(
    () => true,
    () => false,
  );

async function changePassword({ email, password }: Somebody): Promise<void> {
  const { browser } = await atTheDoor(identity, shop);
  await browser.open(new URL('/oidc/password', identity.issuer));
  expect(await browser.send({ email, password, next })).toBe(200);
}

async function signedIn({ email, password }: Somebody) {
  const door = await atTheDoor(identity, shop);
  expect(await door.browser.send({ email, password })).toBe(303);
  return door;
}

/** The password is given, and the browser has not yet followed the way back. */
async function unfinished({ email, password }: Somebody) {
  const { browser, redeem } = await atTheDoor(identity, shop);
  const back = await browser.halt({ email, password });
  return worked(() => browser.open(back).then(redeem));
}

async function consenting({ email, password }: Somebody) {
  const tracker = await identity.client('parcel-tracker');
  const door = await atTheDoor(identity, tracker, {
    redirect: trackedUri,
    prompt: 'consent',
    scope: 'openid offline_access orders:read',
  });
  await door.browser.send({ email, password });
  expect(door.browser.html).toContain('Parcel Tracker');
  return { ...door, tracker };
}

async function consented(ida: Somebody) {
  const { browser, redeem, tracker } = await consenting(ida);
  await browser.send({ answer: 'allow' });
  const { refresh_token } = await redeem();
  return worked(() => oauth.refreshTokenGrant(tracker, refresh_token!));
}

/** A known browser is let try where strangers are not any more. */
async function knownBrowser({ email, browser }: Somebody) {
  const guess = async (by?: Somebody['browser']) =>
    (await atTheDoor(identity, shop, by && { browser: by })).browser.send({ email, password: 'wrong' });
  return async () => {
    expect(await guess()).toBe(422);
    await identity.database.query(
      `UPDATE sign_in_attempts SET next_at = now() + interval '2 hours' WHERE source = 'strangers'`,
    );
    expect(await guess()).toBe(429);
    return (await guess(browser)) === 422;
  };
}

/** Who has read the mailbox has the link, too. */
async function mailedLink({ email }: Somebody) {
  const { browser } = await atTheDoor(identity, shop);
  await browser.open(new URL(`${identity.issuer}/recovery`));
  await browser.send({ email });
  const mail = (await identity.mailRequests()).find(
    (request) => request.email === email && request.kind === 'reset-password',
  );
  return async () => (await browser.open(new URL(mail!.link))) === 200;
}
