import * as oauth from 'openid-client';
import { describe, expect, it } from 'vitest';
import { identityOfThisFile, newcomer, redirectUri } from '../identity.fixture.ts';
import { Visitor } from '../visitor.fixture.ts';

const { identity, shop } = await identityOfThisFile();

const newBrowser = () =>
  new Visitor((url, init) => fetch(url, { ...init, redirect: 'manual' }), new URL(identity.issuer), [redirectUri]);
const notes = async (event: string) =>
  await identity.database.query<{ account: string | null; client: string; details: object; address: string | null }>(
    'SELECT account, client, details, address FROM security_events WHERE event = $1 ORDER BY id',
    [event],
  );

async function asked(more: Record<string, string> = {}) {
  const verifier = oauth.randomPKCECodeVerifier();
  const pkce = { code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' };
  const url = oauth.buildAuthorizationUrl(shop, {
    redirect_uri: redirectUri,
    scope: 'openid orders:read',
    ...pkce,
    ...more,
  });
  return { url, redeem: (at: URL) => oauth.authorizationCodeGrant(shop, at, { pkceCodeVerifier: verifier }) };
}

describe('an ID token that says who is to sign in', () => {
  it('of somebody else than is signed in is an error, unless a new sign-in is asked for', async () => {
    const [ida, ben] = [await newcomer(identity, shop), await newcomer(identity, shop)];
    await ben.browser.open((await asked({ id_token_hint: ida.idToken })).url);
    expect(ben.browser.at.searchParams.get('error')).toBe('login_required');
    expect(await ben.browser.open((await asked({ id_token_hint: ida.idToken, prompt: 'login' })).url)).toBe(200);
    expect(ben.browser.html).toContain('<h1>Sign in</h1>');
  });

  it('is looked at again when somebody has signed in: another person gets no code for it, and is not asked for ever', async () => {
    const [ida, ben] = [await newcomer(identity, shop), await newcomer(identity, shop)];
    const browser = newBrowser();
    const { url, redeem } = await asked({ id_token_hint: ida.idToken });
    await browser.open(url);
    await browser.send({ email: ben.email, password: ben.password });
    expect([browser.at.searchParams.get('error'), browser.at.searchParams.has('code')]).toEqual([
      'login_required',
      false,
    ]);
    const right = newBrowser();
    await right.open(url);
    await right.send({ email: ida.email, password: ida.password });
    expect((await redeem(right.at)).claims()?.sub).toBe(ida.id);
  });
});

describe('a request for a sign-in that is posted', () => {
  const post = (body: URLSearchParams) =>
    fetch(`${identity.issuer}/auth`, { method: 'POST', body, redirect: 'manual' });

  it('leads where the same by GET does', async () => {
    const { email, password } = await newcomer(identity, shop);
    const { url, redeem } = await asked({ state: 'ä&=?' });
    const answer = await post(url.searchParams);
    expect([answer.status, answer.headers.getSetCookie()]).toEqual([303, []]);
    const browser = newBrowser();
    expect(await browser.open(new URL(answer.headers.get('location')!))).toBe(200);
    await browser.send({ email, password });
    expect(browser.at.searchParams.get('state')).toBe('ä&=?');
    browser.at.searchParams.delete('state');
    expect((await redeem(browser.at)).access_token).toBeDefined();
  });

  it('with a parameter twice is refused', async () => {
    const { searchParams } = (await asked()).url;
    searchParams.append('scope', 'openid operations');
    const answer = await fetch(new URL((await post(searchParams)).headers.get('location')!), { redirect: 'manual' });
    expect(new URL(answer.headers.get('location')!).searchParams.get('error_description')).toContain(
      'must not be provided twice',
    );
  });
});

describe('what is written down', () => {
  it('is each sign-in of a program as itself, an operator’s among them', async () => {
    await oauth.clientCredentialsGrant(await identity.operator(), { scope: 'operations' });
    expect(await notes('client-token-issued')).toEqual([
      { account: null, client: 'operator', details: { scope: 'operations' }, address: '127.0.0.1' },
    ]);
  });

  it('is a refresh token used twice within the grace period, once for each use that was refused', async () => {
    const ida = await newcomer(identity, shop);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 5 }, () => oauth.refreshTokenGrant(shop, ida.refresh)),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    await expect(oauth.refreshTokenGrant(shop, ida.refresh)).rejects.toMatchObject({ error: 'invalid_grant' });
    expect((await notes('refresh-repeated')).filter(({ account }) => account === ida.id)).toEqual(
      Array(5).fill({ account: ida.id, client: 'shop-cli', details: {}, address: '127.0.0.1' }),
    );
  });
});
