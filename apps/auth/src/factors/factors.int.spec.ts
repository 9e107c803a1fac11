import { decodeJwt } from 'jose';
import * as oauth from 'openid-client';
import { describe, expect, it } from 'vitest';
import { endSignIns } from '../oidc/end-sign-ins.ts';
import { atTheDoor, codeOf, identityOfThisFile, newcomer, signInAsAdmin } from '../identity.fixture.ts';
import type { Visitor } from '../visitor.fixture.ts';

const { identity, shop } = await identityOfThisFile();

const page = () => new URL(`${identity.issuer}/account/second-factor`);
/** What an app shows next: the code that it shows now is taken already, also when the step changes on the way. */
const nextCode = (secret: string) => codeOf(secret, 1);
const events = async (account: string) =>
  (
    await identity.database.query<{ event: string }>(
      'SELECT event FROM security_events WHERE account = $1 ORDER BY id',
      [account],
    )
  ).map(({ event }) => event);
const secretOn = ({ html }: Visitor) => /<strong>([A-Z2-7 ]+)<\/strong>/.exec(html)![1]!.replaceAll(' ', '');

const somebody = () => newcomer(identity, shop);
/** Somebody whose sign-in takes a code; the step of the clock that it was added with is used up. */
async function withFactor() {
  const ida = await somebody();
  await identity.database.query('UPDATE accounts SET verified_at = now() WHERE id = $1', [ida.id]);
  await ida.browser.open(page());
  const secret = secretOn(ida.browser);
  expect(await ida.browser.send({ password: ida.password, code: codeOf(secret) })).toBe(200);
  return {
    ...ida,
    secret,
    recovery: [...ida.browser.html.matchAll(/<code>([a-z2-7-]+)<\/code>/g)].map((match) => match[1]!),
  };
}
/** At the page that asks for the code. */
async function firstStep(who: { email: string; password: string }) {
  const { browser, redeem } = await atTheDoor(identity, shop);
  const status = await browser.send({ email: who.email, password: who.password });
  return { browser, redeem, status };
}

describe('a second factor', () => {
  it('is added with password and code, and then no sign-in ends without a code', async () => {
    const ida = await withFactor();
    expect([ida.recovery.length, new Set(ida.recovery).size]).toEqual([10, 10]);
    const { browser, redeem, status } = await firstStep(ida);
    expect([status, browser.html]).toEqual([200, expect.stringContaining('<h1>Your code</h1>')]);
    expect(await browser.send({ code: '000000' })).toBe(422);
    expect(await browser.send({ code: codeOf(ida.secret, 5) })).toBe(422);
    expect(await browser.send({ code: nextCode(ida.secret) })).toBe(303);
    expect((await redeem()).access_token).toBeDefined();
    expect(await events(ida.id)).toEqual(expect.arrayContaining(['factor-added', 'factor-failed']));
  });

  it('takes each code once, of however many that come at once', async () => {
    const ida = await withFactor();
    const code = nextCode(ida.secret);
    const steps = await Promise.all(Array.from({ length: 4 }, () => firstStep(ida)));
    const statuses = await Promise.all(steps.map(({ browser }) => browser.send({ code })));
    expect(statuses.filter((status) => status === 303)).toHaveLength(1);
    expect(await (await firstStep(ida)).browser.send({ code })).not.toBe(303);
  });

  it('is replaced by each recovery code once', async () => {
    const ida = await withFactor();
    const code = ida.recovery[3]!.toUpperCase().replaceAll('-', ' ');
    expect(await (await firstStep(ida)).browser.send({ code })).toBe(303);
    expect(await (await firstStep(ida)).browser.send({ code })).toBe(422);
    expect(await events(ida.id)).toContain('recovery-code-used');
  });

  it('is not got past with the first step of another sign-in, of a forged one, or by guessing', async () => {
    const [ida, other] = [await withFactor(), await somebody()];
    const { browser } = await firstStep(ida);
    const { browser: elsewhere } = await firstStep(ida);
    const passedOf = (html: string) => /name="passed" value="([^"]+)"/.exec(html)![1]!;
    expect(await browser.twin().send({ passed: passedOf(elsewhere.html), code: nextCode(ida.secret) })).toBe(403);
    expect(await browser.twin().send({ passed: other.id, code: nextCode(ida.secret) })).toBe(403);
    const guesses: number[] = [];
    for (let n = 0; n < 12; n++) guesses.push(await browser.twin().send({ code: String(n).padStart(6, '0') }));
    expect([guesses.slice(0, 10).every((status) => status === 422), guesses.at(-1)]).toEqual([true, 429]);
  });

  it('is no squatter’s: an address that nobody has proven gets none', async () => {
    const ida = await somebody();
    expect(await ida.browser.open(page())).toBe(409);
  });

  it('outlives a new password from the mailbox', async () => {
    const ida = await withFactor();
    const { browser } = await atTheDoor(identity, shop);
    await browser.open(new URL(`${identity.issuer}/recovery`));
    await browser.send({ email: ida.email });
    const { link } = (await identity.mailRequests()).find(
      ({ email, kind }) => email === ida.email && kind === 'reset-password',
    )!;
    await browser.open(new URL(link));
    expect(await browser.send({ password: 'quite another password' })).toBe(200);
    const again = await firstStep({ ...ida, password: 'quite another password' });
    expect([again.status, again.browser.html]).toEqual([200, expect.stringContaining('<h1>Your code</h1>')]);
  });

  it('is removed with password and code only, in a sign-in that was made with it', async () => {
    const ida = await withFactor();
    expect([await ida.browser.open(page()), ida.browser.html]).toEqual([
      200,
      expect.stringContaining('<h1>Sign in</h1>'),
    ]);
    await ida.browser.send({ email: ida.email, password: ida.password });
    await ida.browser.send({ code: ida.recovery[0]! });
    expect(ida.browser.html).toContain('<h1>Remove your second factor?</h1>');
    expect(await ida.browser.send({ password: 'wrong', code: nextCode(ida.secret) })).toBe(422);
    expect(await ida.browser.send({ password: ida.password, code: '123456' })).toBe(422);
    await ida.browser.send({ password: ida.password, code: nextCode(ida.secret) });
    expect([(await firstStep(ida)).status, (await events(ida.id)).at(-2)]).toEqual([303, 'factor-removed']);
  });

  it('is asked for before a password is changed', async () => {
    const ida = await withFactor();
    const { browser } = await atTheDoor(identity, shop);
    await browser.open(new URL(`${identity.issuer}/password`));
    const [next, wrong] = ['another long password', /This is not right/];
    expect([await browser.send({ email: ida.email, password: ida.password, next }), browser.html]).toEqual([
      200,
      expect.stringContaining('<h1>Your code</h1>'),
    ]);
    expect((await firstStep(ida)).status).toBe(200);
    expect([
      await browser.twin().send({ passed: 'forged', code: nextCode(ida.secret) }),
      await browser.send({ code: '000000' }),
      wrong.test(browser.html),
    ]).toEqual([403, 422, true]);
    expect([await browser.send({ code: nextCode(ida.secret) }), browser.html]).toEqual([
      200,
      expect.stringContaining('Your password is changed'),
    ]);
    expect([(await firstStep(ida)).status, (await firstStep({ ...ida, password: next })).status]).toEqual([422, 200]);
  });

  it('makes a browser known, and a password alone does not', async () => {
    const ida = await withFactor();
    const { browser } = await firstStep(ida);
    expect(browser.has('shop_device')).toBe(false);
    await browser.send({ code: nextCode(ida.secret) });
    expect(browser.has('shop_device')).toBe(true);
  });

  it('that somebody guesses at with a stolen password waits for the owner no longer, once they have set another', async () => {
    const ida = await withFactor();
    const { browser } = await firstStep(ida);
    for (let n = 0; n < 12; n++) await browser.twin().send({ code: '000000' });
    expect(await browser.twin().send({ code: nextCode(ida.secret) })).toBe(429);
    await identity.database.transaction((tx) => endSignIns(tx, ida.id));
    expect(await (await firstStep(ida)).browser.send({ code: nextCode(ida.secret) })).toBe(303);
  });

  it('is kept so that a copy of the database holds no secret and no recovery code', async () => {
    const ida = await withFactor();
    const kept = JSON.stringify([
      await identity.database.query('SELECT * FROM totp_factors'),
      await identity.database.query('SELECT * FROM recovery_codes'),
      await identity.database.query('SELECT * FROM security_events'),
    ]);
    for (const secret of [ida.secret, ...ida.recovery, ...ida.recovery.map((code) => code.replaceAll('-', ''))])
      expect(kept).not.toContain(secret);
  });
});

describe('a second factor that a thief of the password added', () => {
  const next = 'another long password';
  const linkTo = async (email: string, kind: string) =>
    new URL(
      (await identity.mailRequests()).filter((request) => request.email === email && request.kind === kind).at(-1)!
        .link,
    );
  const opened = async (url: URL) => {
    const { browser } = await atTheDoor(identity, shop);
    return { browser, status: await browser.open(url) };
  };

  it('is told to the owner, and goes by the link of that mail, once, with the password and all sign-ins', async () => {
    const ida = await withFactor();
    const link = await linkTo(ida.email, 'factor-added');
    const { browser, status } = await opened(link);
    expect([status, browser.html]).toEqual([200, expect.stringContaining('You did not add a second factor?')]);
    expect(await browser.twin().send({ password: 'password1234' })).toBe(422);
    const answers = await Promise.all([1, 2, 3].map(() => browser.twin().send({ password: next })));
    expect(answers.sort()).toEqual([200, 410, 410]);
    expect([(await firstStep(ida)).status, (await firstStep({ ...ida, password: next })).status]).toEqual([422, 303]);
    expect(
      await oauth.refreshTokenGrant(shop, ida.refresh).then(
        () => true,
        () => false,
      ),
    ).toBe(false);
    expect(await events(ida.id)).toContain('factor-removed');
  });

  it('is told to the owner also after the thief has set another password', async () => {
    const ida = await withFactor();
    const link = await linkTo(ida.email, 'factor-added');
    await identity.database.transaction((tx) => endSignIns(tx, ida.id));
    expect((await opened(link)).status).toBe(200);
  });

  it('goes with a new password from the mailbox where its owner says so, unless it was there for more than three days', async () => {
    const reset = async (who: { email: string }) => {
      const { browser } = await opened(new URL(`${identity.issuer}/recovery`));
      await browser.send({ email: who.email });
      await browser.open(await linkTo(who.email, 'reset-password'));
      return browser;
    };
    const [ida, old] = [await withFactor(), await withFactor()];
    await identity.database.query(
      `UPDATE totp_factors SET created_at = now() - interval '73 hours' WHERE account = $1`,
      [old.id],
    );
    const browser = await reset(ida);
    expect(browser.html).toContain('type="checkbox"');
    expect([
      await browser.send({ password: next, removal: 'yes' }),
      (await firstStep({ ...ida, password: next })).status,
    ]).toEqual([200, 303]);
    const other = await reset(old);
    expect(other.html).not.toContain('type="checkbox"');
    expect([
      await other.send({ password: next, removal: 'yes' }),
      (await firstStep({ ...old, password: next })).status,
    ]).toEqual([200, 200]);
  });

  it('goes by an operator, who is written down', async () => {
    const ida = await withFactor();
    const { access_token } = await oauth.clientCredentialsGrant(await identity.operator(), { scope: 'operations' });
    const remove = (token: string, id = ida.id) =>
      fetch(new URL(`/operations/accounts/${id}/second-factors/removal`, identity.issuer), {
        method: 'POST',
        headers: { authorization: `Bearer ${token}` },
      });
    expect((await remove(ida.access)).status).toBe(403);
    const answer = await remove(access_token);
    expect([answer.status, await answer.json(), (await remove(access_token, crypto.randomUUID())).status]).toEqual([
      200,
      { removed: 1 },
      404,
    ]);
    expect((await firstStep(ida)).status).toBe(303);
    const [noted] = await identity.database.query<{ details: object }>(
      `SELECT details FROM security_events WHERE account = $1 AND event = 'factor-removed'`,
      [ida.id],
    );
    expect(noted).toEqual({ details: { kind: 'totp', by: 'operator' } });
  });

  it('is mailed by no release that does not know the mail', async () => {
    const ida = await withFactor();
    const notifications = await identity.notifications();
    const { access_token } = await oauth.clientCredentialsGrant(notifications, {
      scope: 'mails:send',
      resource: 'urn:shop:auth',
    });
    const claim = await fetch(new URL('/mail-requests/claims', identity.issuer), {
      method: 'POST',
      headers: { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' },
      body: '{"limit":100}',
    });
    const { items } = (await claim.json()) as { items: { kind: string }[] };
    expect(items.filter(({ kind }) => kind === 'factor-added')).toEqual([]);
    expect(await linkTo(ida.email, 'factor-added')).toBeInstanceOf(URL);
  });
});

describe('an admin', () => {
  const scope = 'openid offline_access orders:read accounts:write';
  const api = (path: string, token: string) =>
    fetch(new URL(path, identity.issuer), { headers: { authorization: `Bearer ${token}` } });
  const told = (token: string) => {
    const { roles, withheld_roles: withheld, scope: scopes } = decodeJwt(token);
    return { roles, withheld, scopes };
  };
  const promoted = async (who: { id: string }) =>
    void (await identity.database.query(`UPDATE accounts SET roles = '{customer,admin}' WHERE id = $1`, [who.id]));
  const password = 'demo-password-1';

  it('with password and code has the role and its scopes, for as long as the role is theirs', async () => {
    const { redeem } = await signInAsAdmin(identity, shop, { scope });
    const { access_token, refresh_token } = await redeem();
    expect(told(access_token)).toEqual({
      roles: ['customer', 'admin'],
      withheld: undefined,
      scopes: 'orders:read accounts:write',
    });
    const ida = await somebody();
    expect((await api(`/accounts/${ida.id}/roles`, access_token)).status).toBe(200);
    await identity.database.query(`UPDATE accounts SET roles = '{customer}' WHERE email = 'admin@example.com'`);
    const again = await oauth
      .refreshTokenGrant(shop, refresh_token!)
      .finally(() =>
        identity.database.query(`UPDATE accounts SET roles = '{customer,admin}' WHERE email = 'admin@example.com'`),
      );
    expect(told(again.access_token)).toEqual({ roles: ['customer'], withheld: undefined, scopes: 'orders:read' });
  });

  it('with a password alone is told to add a factor, acts as a customer, and is refused with what is missing', async () => {
    const ida = await somebody();
    await promoted(ida);
    const { browser, redeem } = await atTheDoor(identity, shop, { scope });
    expect(await browser.send({ email: ida.email, password: ida.password })).toBe(200);
    expect(browser.html).toContain('<h1>Add a second factor to act as admin</h1>');
    expect(await browser.twin().send({ passed: 'forged' })).toBe(403);
    expect(await browser.send({})).toBe(303);
    const { access_token, refresh_token } = await redeem();
    expect(told(access_token)).toEqual({ roles: ['customer'], withheld: ['admin'], scopes: 'orders:read' });
    const answer = await api(`/accounts/${ida.id}/roles`, access_token);
    expect([answer.status, await answer.json(), answer.headers.get('www-authenticate')]).toMatchObject([
      403,
      { code: 'second-factor-required' },
      expect.stringContaining('insufficient_user_authentication'),
    ]);
    // Also a sign-in that was there before, and goes on.
    expect(told((await oauth.refreshTokenGrant(shop, refresh_token!)).access_token)).toMatchObject({
      roles: ['customer'],
      withheld: ['admin'],
    });
    expect(told((await oauth.refreshTokenGrant(shop, ida.refresh)).access_token)).toMatchObject({
      roles: ['customer'],
      withheld: ['admin'],
    });
  });

  it('reaches the page where a factor is added with a password alone', async () => {
    const ida = await somebody();
    await promoted(ida);
    const { browser } = await atTheDoor(identity, shop);
    await browser.open(new URL(`${identity.issuer}/account`));
    await browser.send({ email: ida.email, password: ida.password });
    expect([browser.at.pathname, browser.html]).toEqual([
      '/oidc/account',
      expect.stringContaining('Add a second factor'),
    ]);
  });

  it('who has a factor does not get past it as one who has none', async () => {
    const { browser } = await firstStep({ email: 'admin@example.com', password });
    const factorUrl = new URL(`${/action="([^"]+)"/.exec(browser.html)![1]!}`, identity.issuer);
    expect(browser.html).toContain('<h1>Your code</h1>');
    const hidden = Object.fromEntries(
      [...browser.html.matchAll(/type="hidden" name="(\w+)" value="([^"]*)"/g)].map((match) => [match[1]!, match[2]!]),
    );
    expect(
      await browser.open(new URL(factorUrl.href.replace(/factor$/, 'without-factor')), {
        method: 'POST',
        body: new URLSearchParams(hidden),
      }),
    ).toBe(403);
  });
});
