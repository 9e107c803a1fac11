import { Secret, TOTP } from 'otpauth';
import * as oauth from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { atTheDoor, startIdentity, type Identity } from '../identity.fixture.ts';
import type { Visitor } from '../visitor.fixture.ts';

let identity: Identity;
let shop: oauth.Configuration;
beforeAll(async () => {
  identity = await startIdentity();
  shop = await identity.client('shop-cli');
});
afterAll(() => identity?.close());

const page = () => new URL(`${identity.issuer}/account/second-factor`);
/** What an app shows so many steps from now: the next one is taken already, also when the step changes on the way. */
const codeOf = (secret: string, steps = 1) => new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: Date.now() + steps * 30_000 });
const events = async (account: string) => (await identity.database.query<{ event: string }>('SELECT event FROM security_events WHERE account = $1 ORDER BY id', [account])).map(({ event }) => event);
const secretOn = ({ html }: Visitor) => /<strong>([A-Z2-7 ]+)<\/strong>/.exec(html)![1]!.replaceAll(' ', '');

let people = 0;
async function registered() {
  const account = { name: 'Ida', email: `ida-${(people += 1)}@example.com`, password: 'correct horse battery' };
  const { browser, redeem } = await atTheDoor(identity, shop);
  const registration = new URL(`${browser.at.href}/registration`);
  await browser.open(registration);
  await browser.send(account, registration);
  return { ...account, browser, id: (await redeem()).claims()!.sub };
}
/** Somebody whose sign-in takes a code; the step of the clock that it was added with is used up. */
async function withFactor() {
  const ida = await registered();
  await identity.database.query('UPDATE accounts SET verified_at = now() WHERE id = $1', [ida.id]);
  await ida.browser.open(page());
  const secret = secretOn(ida.browser);
  expect(await ida.browser.send({ password: ida.password, code: codeOf(secret, 0) })).toBe(200);
  return { ...ida, secret, recovery: [...ida.browser.html.matchAll(/<code>([a-z2-7-]+)<\/code>/g)].map((match) => match[1]!) };
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
    expect(await browser.send({ code: codeOf(ida.secret) })).toBe(303);
    expect((await redeem()).access_token).toBeDefined();
    expect(await events(ida.id)).toEqual(expect.arrayContaining(['factor-added', 'factor-failed']));
  });

  it('takes each code once, of however many that come at once', async () => {
    const ida = await withFactor();
    const code = codeOf(ida.secret);
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
    const [ida, other] = [await withFactor(), await registered()];
    const { browser } = await firstStep(ida);
    const { browser: elsewhere } = await firstStep(ida);
    const passedOf = (html: string) => /name="passed" value="([^"]+)"/.exec(html)![1]!;
    expect(await browser.twin().send({ passed: passedOf(elsewhere.html), code: codeOf(ida.secret) })).toBe(403);
    expect(await browser.twin().send({ passed: other.id, code: codeOf(ida.secret) })).toBe(403);
    const guesses: number[] = [];
    for (let n = 0; n < 12; n++) guesses.push(await browser.twin().send({ code: String(n).padStart(6, '0') }));
    expect([guesses.slice(0, 10).every((status) => status === 422), guesses.at(-1)]).toEqual([true, 429]);
  });

  it('is no squatter’s: an address that nobody has proven gets none', async () => {
    const ida = await registered();
    expect(await ida.browser.open(page())).toBe(409);
  });

  it('outlives a new password from the mailbox', async () => {
    const ida = await withFactor();
    const { browser } = await atTheDoor(identity, shop);
    await browser.open(new URL(`${identity.issuer}/recovery`));
    await browser.send({ email: ida.email });
    const { link } = (await identity.mailRequests()).find(({ email, kind }) => email === ida.email && kind === 'reset-password')!;
    await browser.open(new URL(link));
    expect(await browser.send({ password: 'quite another password' })).toBe(200);
    const again = await firstStep({ ...ida, password: 'quite another password' });
    expect([again.status, again.browser.html]).toEqual([200, expect.stringContaining('<h1>Your code</h1>')]);
  });

  it('is removed with password and code only', async () => {
    const ida = await withFactor();
    await ida.browser.open(page());
    expect(await ida.browser.send({ password: 'wrong', code: codeOf(ida.secret) })).toBe(422);
    expect(await ida.browser.send({ password: ida.password, code: '123456' })).toBe(422);
    await ida.browser.send({ password: ida.password, code: codeOf(ida.secret) });
    expect([(await firstStep(ida)).status, (await events(ida.id)).at(-2)]).toEqual([303, 'factor-removed']);
  });

  it('is kept so that a copy of the database holds no secret and no recovery code', async () => {
    const ida = await withFactor();
    const kept = JSON.stringify([await identity.database.query('SELECT * FROM totp_factors'), await identity.database.query('SELECT * FROM recovery_codes'), await identity.database.query('SELECT * FROM security_events')]);
    for (const secret of [ida.secret, ...ida.recovery, ...ida.recovery.map((code) => code.replaceAll('-', ''))]) expect(kept).not.toContain(secret);
  });
});
