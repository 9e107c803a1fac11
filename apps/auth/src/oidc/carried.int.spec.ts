import * as oauth from 'openid-client';
import { CookieJar } from 'tough-cookie';
import { describe, expect, it } from 'vitest';
import { atTheDoor, identityOfThisFile, newcomer, redirectUri } from '../identity.fixture.ts';

const { identity, shop } = await identityOfThisFile();

const rows = async () =>
  (await identity.database.query<{ model: string }>('SELECT model FROM oidc_artifacts ORDER BY model')).map(
    ({ model }) => model,
  );

/** A request of the shop for a code, and what redeems that. */
async function request(more: Record<string, string> = {}) {
  const verifier = oauth.randomPKCECodeVerifier();
  const url = oauth.buildAuthorizationUrl(shop, {
    redirect_uri: redirectUri,
    scope: 'openid orders:read',
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...more,
  });
  return {
    url,
    redeem: (at: URL) =>
      oauth.authorizationCodeGrant(shop, at, {
        pkceCodeVerifier: verifier,
        expectedState: more['state'] ?? oauth.skipStateCheck,
      }),
  };
}

/** A browser that keeps cookies as browsers do, by path and age. */
class Browser {
  readonly jar = new CookieJar();

  async ask(url: URL, init: RequestInit = {}): Promise<{ status: number; html: string; at: URL }> {
    const cookie = await this.jar.getCookieString(url.href);
    const response = await fetch(url, { ...init, headers: { accept: 'text/html', cookie }, redirect: 'manual' });
    for (const line of response.headers.getSetCookie()) await this.jar.setCookie(line, url.href);
    const to = response.headers.get('location');
    if (to && !to.startsWith(redirectUri)) return this.ask(new URL(to, url));
    return { status: response.status, html: await response.text(), at: to ? new URL(to) : url };
  }

  submit({ at, html }: { at: URL; html: string }, fields: Record<string, string>) {
    const token = /name="token" value="([^"]*)"/.exec(html)?.[1] ?? '';
    return this.ask(at, { method: 'POST', body: new URLSearchParams({ token, ...fields }) });
  }
}

describe('before anybody has typed anything', () => {
  it('nothing is stored, neither at the authorization endpoint nor at sign-out', async () => {
    await identity.database.query('DELETE FROM oidc_artifacts');
    for (let n = 0; n < 20; n++) {
      const { browser } = await atTheDoor(identity, shop);
      expect(browser.html).toContain('<h1>Sign in</h1>');
      await browser.open(new URL(`${browser.at.href}/registration`));
      await browser.open(oauth.buildEndSessionUrl(shop));
    }
    expect(await rows()).toEqual([]);
  });

  it('a forged or foreign cookie leads nowhere', async () => {
    const [one, other] = [new Browser(), new Browser()];
    const page = await one.ask((await request()).url);
    const foreign = await other.ask((await request()).url);
    const { value } = (await other.jar.getCookies(foreign.at.href)).find(({ key }) => key === 'shop_sign_in')!;
    await one.jar.setCookie(`shop_sign_in=${value}; Path=${page.at.pathname}`, page.at.href);
    expect((await one.ask(page.at)).status).toBe(400);
    await one.jar.setCookie(`shop_sign_in=made-up; Path=${page.at.pathname}`, page.at.href);
    expect((await one.ask(page.at)).status).toBe(400);
  });

  it('a request too long for a cookie is refused, to the program that made it', async () => {
    const kept = await new Browser().ask((await request({ state: 'x'.repeat(1_500) })).url);
    expect([kept.status, kept.html]).toEqual([200, expect.stringContaining('<h1>Sign in</h1>')]);
    const { at } = await new Browser().ask((await request({ state: 'x'.repeat(4_000) })).url);
    expect([at.searchParams.get('error'), at.searchParams.get('error_description')]).toEqual([
      'invalid_request',
      'the parameters of this request are too long',
    ]);
  });
});

describe('a sign-in that a browser carries', () => {
  it('is finished in each of two tabs, with the state of its own program', async () => {
    const { email, password } = await newcomer(identity, shop);
    const browser = new Browser();
    const requests = [await request({ state: 'of the first' }), await request({ state: 'of the second' })];
    const tabs = await Promise.all(requests.map(({ url }) => browser.ask(url)));
    for (const [n, tab] of tabs.entries()) {
      const { status, at } = await browser.submit(tab, { email, password });
      expect([status, at.searchParams.get('state')]).toEqual([303, n === 0 ? 'of the first' : 'of the second']);
      expect((await requests[n]!.redeem(at)).access_token).toBeDefined();
    }
  });

  it('is over when it is finished', async () => {
    const { email, password } = await newcomer(identity, shop);
    const browser = new Browser();
    const page = await browser.ask((await request()).url);
    expect((await browser.submit(page, { email, password })).status).toBe(303);
    expect((await browser.submit(page, { email, password })).status).toBe(400);
    expect((await browser.jar.getCookies(page.at.href)).map(({ key }) => key)).not.toContain('shop_sign_in');
  });

  it('goes on after a wrong password', async () => {
    const { email, password } = await newcomer(identity, shop);
    const browser = new Browser();
    const wrong = await browser.submit(await browser.ask((await request()).url), { email, password: 'wrong' });
    expect(wrong.status).toBe(422);
    expect((await browser.submit(wrong, { email, password })).status).toBe(303);
  });
});
