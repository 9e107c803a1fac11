import { createHash } from 'node:crypto';
import { decodeJwt } from 'jose';
import { describe, expect, it } from 'vitest';
import { atTheDoor, identityOfThisFile, newcomer } from '../identity.fixture.ts';
import type { Visitor } from '../visitor.fixture.ts';
import { SoftAuthenticator, type Lies } from './authenticator.fixture.ts';
import { purgeChallenges } from './passkeys.ts';

const { identity, shop } = await identityOfThisFile({}, 'localhost');
const { origin } = new URL(identity.issuer);
const page = (path = '') => new URL(`${identity.issuer}/account/passkeys${path}`);
const events = async (account: string) =>
  (
    await identity.database.query<{ event: string }>(
      'SELECT event FROM security_events WHERE account = $1 ORDER BY id',
      [account],
    )
  ).map(({ event }) => event);

/** The form of a page that asks for a passkey: what the browser is asked, and what the form carries. */
function asked({ html }: Visitor) {
  const [form = ''] = /<form[^>]*data-passkey.*?<\/form>/s.exec(html) ?? [];
  const attribute = (name: string) => new RegExp(`${name}="([^"]*)"`).exec(form)?.[1]?.replaceAll('&quot;', '"') ?? '';
  const fields = Object.fromEntries(
    [...form.matchAll(/type="hidden" name="(\w+)" value="([^"]*)"/g)].map((match) => [match[1]!, match[2]!]),
  );
  return {
    options: JSON.parse(attribute('data-options') || '{}') as { challenge: string },
    action: new URL(attribute('action') || '/none', identity.issuer),
    fields,
  };
}
const post = (browser: Visitor, action: URL, fields: Record<string, string>) =>
  browser.open(action, { method: 'POST', body: new URLSearchParams(fields) });

async function somebody() {
  const ida = await newcomer(identity, shop);
  await identity.database.query('UPDATE accounts SET verified_at = now() WHERE id = $1', [ida.id]);
  return ida;
}
/** Somebody whose sign-in takes a passkey. */
async function withPasskey() {
  const ida = await somebody();
  const device = new SoftAuthenticator(origin);
  await ida.browser.open(page());
  const { options, action, fields } = asked(ida.browser);
  expect(await post(ida.browser, action, { ...fields, name: 'Blue key', answer: device.make(options) })).toBe(200);
  return {
    ...ida,
    device,
    recovery: [...ida.browser.html.matchAll(/<code>([a-z2-7-]+)<\/code>/g)].map((match) => match[1]!),
  };
}
/** At the second step of a sign-in. */
async function firstStep(who: { email: string; password: string }) {
  const { browser, redeem } = await atTheDoor(identity, shop);
  await browser.send({ email: who.email, password: who.password });
  const { options, action, fields } = asked(browser);
  return { browser, redeem, options, use: (answer: string, on = browser) => post(on, action, { ...fields, answer }) };
}

describe('a passkey', () => {
  it('is added by who has just signed in, and is the second step from then on, once for each challenge', async () => {
    const ida = await withPasskey();
    expect(ida.recovery).toHaveLength(10);
    const { browser, redeem, options, use } = await firstStep(ida);
    const [answer, before] = [ida.device.use(options), browser.twin()];
    expect(await use(answer)).toBe(303);
    const tokens = await redeem();
    expect(decodeJwt(tokens.id_token!)['amr']).toEqual(['pwd', 'pop', 'mfa']);
    expect(await use(answer, before)).not.toBe(303);
    expect(await events(ida.id)).toContain('factor-added');
  });

  it('is not one at another origin, for another challenge, of another account, or with a counter that went back', async () => {
    const [ida, thief] = [await withPasskey(), await withPasskey()];
    for (const lies of [
      { origin: 'http://localhost.evil.test' },
      { challenge: 'AAAA' },
      { unverified: true },
    ] satisfies Lies[]) {
      const { options, use } = await firstStep(ida);
      expect([lies, await use(ida.device.use(options, lies))]).toEqual([lies, 422]);
    }
    const { options, use } = await firstStep(ida);
    expect(await use(thief.device.use(options))).toBe(422);
    const again = await firstStep(ida);
    expect(await again.use(ida.device.use(again.options, { counter: 9 }))).toBe(303);
    const copied = await firstStep(ida);
    expect(await copied.use(ida.device.use(copied.options, { counter: 9 }))).toBe(422);
    expect((await events(ida.id)).filter((event) => event === 'factor-failed')).toHaveLength(5);
  });

  it('signs the challenge of its own sign-in only', async () => {
    const ida = await withPasskey();
    const [one, other] = [await firstStep(ida), await firstStep(ida)];
    expect(await other.use(ida.device.use(one.options))).toBe(422);
  });

  it('of many answers to one challenge signs in with one', async () => {
    const ida = await withPasskey();
    const { browser, options, use } = await firstStep(ida);
    // By an authenticator that does not count, as those of phones.
    const answer = ida.device.use(options, { counter: 0 });
    const statuses = await Promise.all(Array.from({ length: 4 }, () => use(answer, browser.twin())));
    expect(statuses.filter((status) => status === 303)).toHaveLength(1);
  });

  it('is replaced by a recovery code, is named, and is removed', async () => {
    const ida = await withPasskey();
    const { browser } = await firstStep(ida);
    expect(await browser.send({ code: ida.recovery[0]! })).toBe(303);
    await browser.open(page());
    expect(browser.html).toContain('<strong>Blue key</strong>');
    const { fields } = asked(browser);
    await post(browser, page('/name'), { token: fields['token']!, which: ida.device.id, name: '<b>Red key' });
    expect(browser.html).toContain('<strong>&lt;b&gt;Red key</strong>');
    await post(browser, page('/removal'), { token: fields['token']!, which: ida.device.id });
    expect(browser.html).toContain('You have none.');
    expect((await firstStep(ida)).browser.at.searchParams.has('code')).toBe(true);
    expect(await identity.database.query('SELECT 1 FROM recovery_codes WHERE account = $1', [ida.id])).toEqual([]);
  });

  it('is neither added nor removed in a sign-in that is old, or was made without the factor that is there by now', async () => {
    const ida = await withPasskey();
    expect([await ida.browser.open(page()), ida.browser.html]).toEqual([
      200,
      expect.stringContaining('<h1>Sign in</h1>'),
    ]);
    const other = await somebody();
    await identity.database.query(
      `UPDATE oidc_artifacts SET payload = jsonb_set(payload, '{loginTs}', to_jsonb((payload ->> 'loginTs')::int - 700)) WHERE model = 'Session' AND payload ->> 'accountId' = $1`,
      [other.id],
    );
    expect([await other.browser.open(page()), other.browser.html]).toEqual([
      200,
      expect.stringContaining('<h1>Sign in</h1>'),
    ]);
    await other.browser.send({ email: other.email, password: other.password });
    expect(other.browser.html).toContain('<h1>Your passkeys</h1>');
    const { fields } = asked(other.browser);
    await post(other.browser, page('/removal'), { token: fields['token']!, which: ida.device.id });
    expect(await identity.database.query('SELECT 1 FROM passkeys WHERE id = $1', [ida.device.id])).toHaveLength(1);
    expect(await post(other.browser, page('/removal'), { token: 'forged', which: ida.device.id })).toBe(403);
  });
});

describe('a page with a passkey', () => {
  it('runs the scripts that it names by their digests, and no other', async () => {
    const ida = await withPasskey();
    const { browser } = await firstStep(ida);
    const named = [...browser.html.matchAll(/<script src="([^"]+)" integrity="sha384-([^"]+)" defer><\/script>/g)];
    expect(named).toHaveLength(2);
    expect(browser.html.match(/<script/g)).toHaveLength(2);
    for (const [, path = '', digest] of named) {
      const answer = await fetch(new URL(path, origin));
      expect([
        answer.status,
        answer.headers.get('content-type'),
        createHash('sha384')
          .update(await answer.text())
          .digest('base64'),
      ]).toEqual([200, 'text/javascript; charset=utf-8', digest]);
    }
    const policy = (await fetch(new URL('/oidc/password', origin))).headers.get('content-security-policy');
    expect(policy).not.toContain('script-src');
    expect((await fetch(new URL('/oidc/scripts/other.js', origin))).status).toBe(404);
  });
});

describe('challenges that were answered', () => {
  it('are forgotten once they are over', async () => {
    await identity.database.query(`UPDATE used_challenges SET expires_at = now() - interval '1 second'`);
    while ((await purgeChallenges(identity.database, 5)) === 5);
    expect(await identity.database.query('SELECT 1 FROM used_challenges')).toEqual([]);
  });
});
