import { setTimeout as sleep } from 'node:timers/promises';
import { TokenVerifier } from '@shop/platform';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import * as oauth from 'openid-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  atTheDoor,
  identityOfThisFile,
  newcomer,
  signedOutUri,
  signInAsAdmin,
  startIdentity,
  trackedUri,
  type Identity,
} from './identity.fixture.ts';

const demo = { email: 'demo@example.com', password: 'demo-password-1' };
const { identity, shop } = await identityOfThisFile();

const somebody = () => newcomer(identity, shop);
async function signIn(
  client: oauth.Configuration,
  who: { email: string; password: string },
  options: Parameters<typeof atTheDoor>[2] = {},
) {
  const { browser, redeem } = await atTheDoor(identity, client, options);
  const status = await browser.send({ email: who.email, password: who.password });
  return { browser, redeem, status };
}
const refresh = (token: string) => oauth.refreshTokenGrant(shop, token);
const refused = (work: Promise<unknown>) =>
  work.then(
    () => 'granted',
    (failure: { error?: string }) => failure.error,
  );
const events = async (account: string) =>
  (
    await identity.database.query<{ event: string }>(
      'SELECT event FROM security_events WHERE account = $1 ORDER BY id',
      [account],
    )
  ).map(({ event }) => event);
const api = (
  path: string | URL,
  token: string,
  init: { method?: string; body?: unknown; headers?: Record<string, string> } = {},
) =>
  fetch(new URL(path, identity.issuer), {
    method: init.method ?? 'GET',
    headers: {
      authorization: `Bearer ${token}`,
      ...(init.body ? { 'content-type': 'application/json' } : {}),
      ...init.headers,
    },
    ...(init.body ? { body: JSON.stringify(init.body) } : {}),
  });

describe('the signing key', () => {
  let keys: Identity;
  beforeAll(async () => void (keys = await startIdentity({ SIGNING_KEY_LEAD_SECONDS: '2' })));
  afterAll(() => keys?.close());

  it('is changed under constant requests, at two instances, and not one token is refused', async () => {
    const operator = await keys.operator();
    const { access_token: token } = await oauth.clientCredentialsGrant(operator, { scope: 'operations' });
    const verifier = new TokenVerifier(keys.issuer, `${keys.issuer}/jwks`, { cooldown: 500 });
    const seen: Record<string, Set<string>> = {};
    const failures: string[] = [];
    let over = false;
    const asking = keys.instances.map(async ({ url }) => {
      const client = new oauth.Configuration(
        { issuer: keys.issuer, token_endpoint: `${url}/oidc/token` },
        'operator',
        undefined,
        oauth.ClientSecretBasic('secret-of-this-spec'),
      );
      oauth.allowInsecureRequests(client);
      for (; !over; await sleep(5)) {
        const { access_token } = await oauth.clientCredentialsGrant(client, { scope: 'operations' });
        await verifier.verify(access_token).catch((error: Error) => failures.push(error.message));
        (seen[url] ??= new Set()).add(decodeProtectedHeader(access_token).kid!);
      }
    });
    const both = () => Object.values(seen).filter((kids) => kids.size === 2).length === 2;
    const rotate = () => api(new URL('/operations/signing-keys/rotation', keys.issuer), token, { method: 'POST' });
    expect([(await rotate()).status, (await rotate()).status]).toEqual([202, 409]);
    for (const until = Date.now() + 60_000; !both() && Date.now() < until; ) await sleep(50);
    over = true;
    await Promise.all(asking);
    expect(failures).toEqual([]);
    expect(both()).toBe(true);
    const { items } = (await (await api(new URL('/operations/signing-keys', keys.issuer), token)).json()) as {
      items: { state: string }[];
    };
    expect(items.map(({ state }) => state)).toEqual(['signs', 'kept']);
  });
});

describe('a sign-in that goes on', () => {
  it('is seen and ended by the program that has it', async () => {
    const { refresh: token, id } = await somebody();
    expect(await oauth.tokenIntrospection(shop, token)).toMatchObject({ active: true, client_id: 'shop-cli', sub: id });
    await oauth.tokenRevocation(shop, token);
    expect(await oauth.tokenIntrospection(shop, token)).toEqual({ active: false });
    expect(await refused(refresh(token))).toBe('invalid_grant');
    expect(await events(id)).toEqual(['registered', 'grant-revoked']);
  });

  it('is no business of another program', async () => {
    const { refresh: token } = await somebody();
    const other = await identity.client('parcel-tracker');
    expect(await oauth.tokenIntrospection(other, token)).toEqual({ active: false });
    await oauth.tokenRevocation(other, token).catch(() => undefined);
    expect(await refused(refresh(token))).toBe('granted');
  });

  it('ends with its browser’s session, when its person says so on our page', async () => {
    const { browser, refresh: token, idToken, id } = await somebody();
    await browser.open(
      oauth.buildEndSessionUrl(shop, { id_token_hint: idToken, post_logout_redirect_uri: signedOutUri, state: 's1' }),
    );
    expect(browser.html).toContain('<h1>Sign out?</h1>');
    expect(await browser.send({})).toBe(303);
    expect(await refused(refresh(token))).toBe('granted');
    const again = await somebody();
    await again.browser.open(
      oauth.buildEndSessionUrl(shop, {
        id_token_hint: again.idToken,
        post_logout_redirect_uri: signedOutUri,
        state: 's1',
      }),
    );
    expect(await again.browser.send({ logout: 'yes', xsrf: 'forged' })).toBe(400);
    await again.browser.open(
      oauth.buildEndSessionUrl(shop, {
        id_token_hint: again.idToken,
        post_logout_redirect_uri: signedOutUri,
        state: 's1',
      }),
    );
    expect(await again.browser.send({ logout: 'yes' })).toBe(303);
    expect(again.browser.at.href).toBe(`${signedOutUri}?state=s1`);
    expect(await refused(refresh(again.refresh))).toBe('invalid_grant');
    expect(await events(again.id)).toContain('signed-out');
    expect(await events(id)).not.toContain('signed-out');
  });

  it('ends when its password is changed, and so does every other of that person', async () => {
    const ida = await somebody();
    const other = await (await signIn(shop, ida)).redeem();
    const { browser } = ida;
    await browser.open(new URL('/oidc/password', identity.issuer));
    expect(await browser.send({ email: ida.email, password: ida.password, next: 'short' })).toBe(422);
    expect(await browser.send({ email: ida.email, password: 'wrong', next: 'another long password' })).toBe(422);
    expect(
      await browser.send({ token: 'forged', email: ida.email, password: ida.password, next: 'another long password' }),
    ).toBe(403);
    await browser.open(new URL('/oidc/password', identity.issuer));
    expect(await browser.send({ email: ida.email, password: ida.password, next: 'another long password' })).toBe(200);
    for (const token of [ida.refresh, other.refresh_token!])
      expect(await refused(refresh(token))).toBe('invalid_grant');
    expect((await signIn(shop, ida)).status).toBe(422);
    expect((await signIn(shop, { ...ida, password: 'another long password' })).status).toBe(303);
    expect(await events(ida.id)).toEqual([
      'registered',
      'signed-in',
      'sign-in-failed',
      'signed-in',
      'password-changed',
      'sign-in-failed',
      'signed-in',
    ]);
  });

  it('that somebody stole is written down when its token comes back', async () => {
    const { refresh: token, id } = await somebody();
    await refresh(token);
    await identity.database.query(
      `UPDATE oidc_artifacts SET consumed_at = consumed_at - interval '11 seconds' WHERE model = 'RefreshToken'`,
    );
    expect(await refused(refresh(token))).toBe('invalid_grant');
    expect(await events(id)).toEqual(['registered', 'refresh-reused', 'grant-revoked']);
  });
});

describe('a program of somebody else', () => {
  const consent = async () => {
    const tracker = await identity.client('parcel-tracker');
    const { browser, redeem } = await signInAsAdmin(identity, tracker, {
      redirect: trackedUri,
      prompt: 'consent',
      scope: 'openid offline_access orders:read',
    });
    return { browser, redeem, tracker };
  };

  it('gets nothing that its person does not allow', async () => {
    const { browser } = await consent();
    expect(browser.html).toMatch(/Parcel Tracker.*See your orders.*while you are away/s);
    await browser.send({ answer: 'deny' });
    expect([browser.at.searchParams.get('error'), browser.at.searchParams.has('code')]).toEqual([
      'access_denied',
      false,
    ]);
  });

  it('gets what was allowed, for a customer: never what a role adds', async () => {
    const { browser, redeem, tracker } = await consent();
    expect(await browser.twin().send({ token: 'forged', answer: 'allow' })).toBe(403);
    await browser.send({ answer: 'allow' });
    const tokens = await redeem();
    expect(decodeJwt(tokens.access_token)).toMatchObject({
      client_id: 'parcel-tracker',
      scope: 'orders:read',
      roles: [],
    });
    expect((await oauth.refreshTokenGrant(tracker, tokens.refresh_token!)).access_token).toBeDefined();
    expect(await events(tokens.claims()!.sub)).toContain('consented');
    const { browser: other } = await atTheDoor(identity, tracker, {
      redirect: trackedUri,
      scope: 'openid products:write',
    });
    expect(other.at.searchParams.get('error')).toBe('invalid_scope');
  });
});

describe('roles', () => {
  const asAdmin = async () => (await signInAsAdmin(identity, shop, { scope: 'openid accounts:write' })).redeem();

  it('are given by an admin who has seen the last version, and hold from the next token on', async () => {
    const { id, access, refresh: token } = await somebody();
    const admin = await asAdmin();
    const path = `/accounts/${id}/roles`;
    expect((await api(path, access)).status).toBe(403);
    const before = await api(path, admin.access_token);
    expect(await before.json()).toEqual({ roles: ['customer'], version: 1 });
    const put = (match: string, roles: string[], to = path) =>
      api(to, admin.access_token, { method: 'PUT', body: { roles }, headers: { 'if-match': match } });
    expect((await api(path, admin.access_token, { method: 'PUT', body: { roles: ['support'] } })).status).toBe(428);
    expect((await put('"7"', ['support'])).status).toBe(412);
    const after = await put(before.headers.get('etag')!, ['support', 'customer']);
    expect([after.status, await after.json()]).toEqual([200, { roles: ['customer', 'support'], version: 2 }]);
    expect(decodeJwt((await refresh(token)).access_token)['roles']).toEqual(['customer', 'support']);
    expect((await put('*', ['customer'], `/accounts/${admin.claims()!.sub}/roles`)).status).toBe(409);
    expect((await put('*', ['root'])).status).toBe(400);
    expect(await events(id)).toContain('roles-changed');
  });
});

describe('guesses', () => {
  it('are told to wait; the owner, in the browser they always use, is not', async () => {
    const ida = await somebody();
    const guess = async (address: string) => {
      const { browser } = await atTheDoor(identity, shop);
      return browser.send({ email: ida.email, password: 'wrong' }, browser.at, { 'x-forwarded-for': address });
    };
    const answers: number[] = [];
    for (let n = 0; n < 12; n++) answers.push(await guess('203.0.113.7'));
    expect([answers.slice(0, 10), answers.at(-1)]).toEqual([Array.from({ length: 10 }, () => 422), 429]);
    // As if all strangers of the last hour had guessed.
    await identity.database.query(
      `UPDATE sign_in_attempts SET next_at = now() + interval '2 hours' WHERE source = 'strangers'`,
    );
    expect(await guess('203.0.113.8')).toBe(429);
    const { browser, redeem } = await atTheDoor(identity, shop, { browser: ida.browser });
    expect(await browser.send({ email: ida.email, password: ida.password })).toBe(303);
    expect((await redeem()).access_token).toBeDefined();
    expect(new Set(await events(ida.id))).toEqual(
      new Set(['registered', 'sign-in-failed', 'sign-in-refused', 'signed-in']),
    );
  });
});

describe('the log of security events', () => {
  it('can be added to, and neither changed nor shortened, by the service', async () => {
    for (const sql of [
      'UPDATE security_events SET account = NULL',
      'DELETE FROM security_events',
      'TRUNCATE security_events',
    ]) {
      await expect(identity.database.query(sql)).rejects.toThrow('permission denied');
    }
  });

  it('has every sign-in, each failed one and each sign-out: when, from where and by which program', async () => {
    const { browser, password, email, idToken, id } = await somebody();
    await signIn(shop, { email, password: 'not-their-password-1' });
    await signIn(shop, { email, password });
    await browser.open(
      oauth.buildEndSessionUrl(shop, { id_token_hint: idToken, post_logout_redirect_uri: signedOutUri, state: 's1' }),
    );
    await browser.send({ logout: 'yes' });
    const noted = await identity.database.query<{ event: string; complete: boolean }>(
      `SELECT event, address IS NOT NULL AND client IS NOT NULL AND at > now() - interval '5 minutes' AS complete FROM security_events WHERE account = $1 ORDER BY id`,
      [id],
    );
    const wanted = ['registered', 'sign-in-failed', 'signed-in', 'signed-out'];
    expect(noted.filter(({ event }) => wanted.includes(event))).toEqual(
      wanted.map((event) => ({ event, complete: true })),
    );
  });

  it('is read by an operator, and holds nothing that opens a door', async () => {
    const { access, refresh: token, password, email, id } = await somebody();
    await signIn(shop, { email: 'my-password-typed-here', password });
    const { access_token } = await oauth.clientCredentialsGrant(await identity.operator(), { scope: 'operations' });
    const text = await (await api('/operations/security-events?limit=1000', access_token)).text();
    expect(text).toContain(id);
    for (const secret of [access, token, password, email, 'my-password-typed-here', demo.password])
      expect(text).not.toContain(secret);
    expect((await api('/operations/security-events', access)).status).toBe(403);
  });
});
