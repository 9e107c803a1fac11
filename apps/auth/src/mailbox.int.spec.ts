import * as oauth from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { atTheDoor, startIdentity, type Identity } from './identity.fixture.ts';

let identity: Identity;
let shop: oauth.Configuration;
beforeAll(async () => {
  identity = await startIdentity();
  shop = await identity.client('shop-cli');
});
afterAll(() => identity?.close());

let people = 0;
/** Somebody who has no account yet. */
const stranger = () => ({ name: 'Ida', email: `ida-${(people += 1)}@example.com`, password: 'correct horse battery' });

/** A new customer, with the browser in which they registered. */
async function registered(account = stranger()) {
  const { browser, redeem } = await atTheDoor(identity, shop);
  const page = new URL(`${browser.at.href}/registration`);
  await browser.open(page);
  const status = await browser.send(account, page);
  return { ...account, browser, redeem, status };
}

const post = (path: string, body: object) =>
  fetch(new URL(path, identity.issuer), { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });

describe('a password that guessers try first', () => {
  it('is refused at registration, by page and by API, and when a password is changed', async () => {
    const { browser, status } = await registered({ ...stranger(), password: 'password1234' });
    expect([status, browser.html]).toEqual([422, expect.stringContaining('id="password-wrong">Too many people use it')]);
    const answer = await post('/accounts', { ...stranger(), password: 'password1234' });
    expect([answer.status, await answer.json()]).toMatchObject([422, { code: 'weak-password', errors: [{ pointer: '/password' }] }]);
    const ida = await registered();
    await ida.browser.open(new URL('/oidc/password', identity.issuer));
    expect(await ida.browser.send({ email: ida.email, password: ida.password, next: `${ida.email}1` })).toBe(422);
    expect(ida.browser.html).toContain('id="next-wrong">It is made of your address');
  });
});
