import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { Database, runService } from '@shop/platform';
import { freshDatabase } from '@shop/testing';
import { createLocalJWKSet, decodeJwt, jwtVerify } from 'jose';
import * as oauth from 'openid-client';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { capacity } from './accounts/passwords.ts';
import { auth } from './service.ts';
import { Visitor } from './visitor.fixture.ts';

/**
 * Two instances behind one public address that nobody here can resolve: each request goes to the other instance than
 * the one before, as behind a gateway. The second is a process of its own, so that all it prints can be read.
 */
const issuer = 'https://shop.example/oidc';
const redirectUri = 'http://127.0.0.1:47111/callback';
const [customer, clientSecret] = [
  { email: 'demo@example.com', password: 'demo-password-1' },
  'secret-of-notifications',
];

/** What notifications asks for: good at auth, and at no other service. */
const addressLookup = { scope: 'accounts:read', resource: 'urn:shop:auth' };
const operatorSecret = 'secret-of-the-operator';
const { url: databaseUrl } = await freshDatabase('auth');
const database = new Database(databaseUrl, { size: 2, application: 'spec' });
const ports = [await freePort(), await freePort()] as const;
const environment = (port: number) => ({
  PORT: String(port),
  ISSUER: issuer,
  JWKS_URL: `http://127.0.0.1:${ports[0]}/oidc/jwks`,
  DATABASE_URL: databaseUrl,
  COOKIE_KEYS: 'a-cookie-key-of-this-year,a-cookie-key-of-last-year',
  FACTOR_KEYS: 'a-factor-key-of-this-year',
  NOTIFICATIONS_CLIENT_SECRET: clientSecret,
  OPERATOR_CLIENT_SECRET: operatorSecret,
  SEED_DEMO: '1',
  // A busy machine makes the loop late: what is turned away for that is another spec's.
  SHED_LOOP_DELAY_MS: '0',
});
const printed: string[] = [];
/** Whatever must never be printed: every token, code and password that went through here. */
const secrets: string[] = [customer.email, customer.password, clientSecret, operatorSecret];
const closing: (() => Promise<unknown>)[] = [() => database.close()];
let shopCli: oauth.Configuration;
let notifications: oauth.Configuration;

beforeAll(async () => {
  const child = spawn(process.execPath, ['--import', './tools/ts.mjs', 'apps/auth/src/main.ts'], {
    env: environment(ports[1]),
  });
  closing.push(async () => child.kill('SIGTERM') && (await once(child, 'exit')));
  for (const stream of [child.stdout, child.stderr]) createInterface(stream).on('line', (line) => printed.push(line));
  const inProcess = await runService(auth, { ...environment(ports[0]), LOG_LEVEL: 'silent' });
  closing.push(() => inProcess.close());
  await vi.waitUntil(() => printed.some((line) => line.includes('"msg":"started"')), { timeout: 30_000 });
  const options = { [oauth.customFetch]: balanced as oauth.CustomFetch };
  shopCli = await oauth.discovery(new URL(issuer), 'shop-cli', undefined, oauth.None(), options);
  notifications = await oauth.discovery(
    new URL(issuer),
    'notifications',
    undefined,
    oauth.ClientSecretBasic(clientSecret),
    options,
  );
});
afterAll(() => Promise.all(closing.map((close) => close())));

let turn = 0;

/** Fetch through the public address. */
function balanced(url: string | URL, init: RequestInit = {}): Promise<Response> {
  const inside = new URL(url);
  if (inside.origin !== new URL(issuer).origin) throw new Error(`Led astray to ${inside.origin}`);
  turn += 1;
  return fetch(`http://127.0.0.1:${ports[turn % 2]}${inside.pathname}${inside.search}`, {
    ...init,
    redirect: 'manual',
  });
}

const newVisitor = () => new Visitor(balanced, new URL(issuer), [redirectUri]);

/** At the sign-in page, as the shop's application sends people there. */
async function atTheDoor(extra: Record<string, string> = {}) {
  const verifier = oauth.randomPKCECodeVerifier();
  const pkce = { code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' };
  const parameters = { redirect_uri: redirectUri, scope: 'openid orders:read orders:write', ...pkce, ...extra };
  const visitor = newVisitor();
  const status = await visitor.open(oauth.buildAuthorizationUrl(shopCli, parameters));
  return { visitor, status, verifier };
}

async function signedIn(extra?: Record<string, string>) {
  const { visitor, verifier } = await atTheDoor(extra);
  await visitor.send(customer);
  const redeem = () => oauth.authorizationCodeGrant(shopCli, visitor.at, { pkceCodeVerifier: verifier });
  const tokens = await redeem();
  secrets.push(
    visitor.at.searchParams.get('code')!,
    verifier,
    tokens.access_token,
    tokens.refresh_token!,
    tokens.id_token!,
  );
  return { ...tokens, refresh: tokens.refresh_token!, redeem };
}

const refresh = (token: string) => oauth.refreshTokenGrant(shopCli, token);
const refused = (error: string) => expect.objectContaining({ error });
const outcome = (work: Promise<unknown>) =>
  work.then(
    () => 'granted',
    (failure: { error?: string }) => failure.error,
  );
const withToken = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
const post = (path: string, body: object) =>
  balanced(new URL(path, issuer), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

describe('auth, twice behind one address', () => {
  it('says where it is by its issuer, whatever a caller forges', async () => {
    const forged = {
      headers: { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'gopher', host: 'evil.example' },
    };
    const [one, other] = await Promise.all(
      [0, 1].map(
        async () =>
          (await balanced(`${issuer}/.well-known/openid-configuration`, forged)).json() as Promise<
            Record<string, unknown>
          >,
      ),
    );
    expect(one).toEqual(other);
    const endpoints = Object.entries(one!)
      .filter(([key]) => /_endpoint$|_uri$/.test(key))
      .map(([, value]) => String(value));
    expect(endpoints.length).toBeGreaterThan(3);
    for (const endpoint of endpoints) expect(endpoint).toContain(`${issuer}/`);
    expect(one).toMatchObject({
      issuer,
      code_challenge_methods_supported: ['S256'],
      response_types_supported: ['code'],
    });
  });

  it('says in the shop’s own shape that there is nothing at a path', async () => {
    const answer = await balanced(`${issuer}/nothing`);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([
      404,
      expect.stringContaining('application/problem+json'),
    ]);
    expect(await answer.json()).toMatchObject({ code: 'unknown-path', instance: '/oidc/nothing' });
  });

  it('signs a customer in, with tokens that the published keys verify', async () => {
    const { access_token, id_token, expires_in } = await signedIn();
    const keys = (await (await balanced(`${issuer}/jwks`)).json()) as { keys: { d?: string }[] };
    expect(keys.keys).toEqual([expect.not.objectContaining({ d: expect.anything() })]);
    const { payload, protectedHeader } = await jwtVerify(access_token, createLocalJWKSet(keys as never), {
      issuer,
      audience: 'shop',
      typ: 'at+jwt',
    });
    expect(protectedHeader.alg).toBe('ES256');
    expect(payload).toMatchObject({
      client_id: 'shop-cli',
      scope: 'orders:read orders:write',
      roles: ['customer'],
      sub: decodeJwt(id_token!).sub,
    });
    expect([payload.exp! - payload.iat!, expires_in]).toEqual([300, 300]);
  });

  it('rotates refresh tokens: the new one works, the old one is refused, and a late reuse ends the whole sign-in', async () => {
    const { refresh: first } = await signedIn();
    const second = (await refresh(first)).refresh_token!;
    await expect(refresh(first)).rejects.toEqual(refused('invalid_grant'));
    const third = (await refresh(second)).refresh_token!;
    await database.query(`UPDATE oidc_artifacts SET consumed_at = consumed_at - interval '11 seconds'`);
    await expect(refresh(first)).rejects.toEqual(refused('invalid_grant'));
    await expect(refresh(third)).rejects.toEqual(refused('invalid_grant'));
  });

  it('lets one of fifty parallel refreshes win and ends nothing', async () => {
    const { refresh: token } = await signedIn();
    const outcomes = await Promise.allSettled(Array.from({ length: 50 }, () => refresh(token)));
    const [won, ...others] = outcomes.filter((result) => result.status === 'fulfilled');
    expect(others).toEqual([]);
    await expect(refresh(won!.value.refresh_token!)).resolves.toBeDefined();
  });

  it('takes a code once; used again, it ends the sign-in it began', async () => {
    const { redeem, refresh: token } = await signedIn();
    await expect(redeem()).rejects.toEqual(refused('invalid_grant'));
    await expect(refresh(token)).rejects.toEqual(refused('invalid_grant'));
  });

  it('gives no code without PKCE by S256, and sends nobody to an address it does not know', async () => {
    for (const wrong of [
      { code_challenge: '' },
      { code_challenge_method: 'plain' },
      { scope: 'openid accounts:read' },
    ] as Record<string, string>[]) {
      const { visitor } = await atTheDoor(wrong);
      expect(visitor.at.searchParams.get('error'), JSON.stringify(wrong)).toMatch(/^invalid_(request|scope)$/);
      expect(visitor.at.searchParams.has('code')).toBe(false);
    }
    const withoutPkce = newVisitor();
    await withoutPkce.open(oauth.buildAuthorizationUrl(shopCli, { redirect_uri: redirectUri, scope: 'openid' }));
    expect(withoutPkce.at.searchParams.get('error')).toBe('invalid_request');
    const { status, visitor } = await atTheDoor({ redirect_uri: 'https://evil.example/callback' });
    expect([status, visitor.at.origin]).toEqual([400, new URL(issuer).origin]);
    expect((await atTheDoor({ state: '\0' })).status).toBe(400);
  });

  it('asks a person to sign in every time a program on their machine wants a code, also when it asks for consent', async () => {
    const { visitor } = await atTheDoor({ prompt: 'consent', scope: 'openid offline_access orders:read' });
    expect(await visitor.send(customer)).toBe(303);
    expect(visitor.at.searchParams.has('code')).toBe(true);
    const again = {
      redirect_uri: redirectUri,
      scope: 'openid',
      code_challenge: 'x'.repeat(43),
      code_challenge_method: 'S256',
    };
    expect(await visitor.open(oauth.buildAuthorizationUrl(shopCli, again))).toBe(200);
    expect(visitor.html).toContain('Sign in');
  });

  it('says the same to a wrong password and to an unknown address', async () => {
    const answers = await Promise.all(
      [
        { ...customer, password: 'wrong' },
        { ...customer, email: 'nobody@example.com' },
        { email: 'no\0body', password: '' },
      ].map(async (fields) => {
        const { visitor } = await atTheDoor();
        return [await visitor.send(fields), /role="alert">([^<]+)</.exec(visitor.html)?.[1]];
      }),
    );
    expect(answers).toEqual(
      Array.from({ length: 3 }, () => [422, 'This email address and password do not belong together.']),
    );
  });

  it('gives cookies that only we can make, that scripts cannot read, and that no other site makes a browser send', async () => {
    const { headers } = await balanced(
      oauth.buildAuthorizationUrl(shopCli, {
        redirect_uri: redirectUri,
        code_challenge: 'x'.repeat(43),
        code_challenge_method: 'S256',
      }),
    );
    const cookies = headers.getSetCookie();
    const isOurs = (line: string) => line.startsWith('__Secure-shop_');
    const [sealed, others] = [cookies.filter(isOurs), cookies.filter((line) => !isOurs(line))];
    const [named, signed] = [
      others.filter((line) => !line.includes('.sig=')),
      others.filter((line) => line.includes('.sig=')),
    ];
    expect([sealed.length, named.length, signed.length]).toEqual([1, 2, 2]);
    for (const cookie of cookies) expect(cookie).toMatch(/^__Secure-/);
    for (const cookie of cookies)
      for (const attribute of ['SameSite=Lax', 'Secure', 'HttpOnly'])
        expect(cookie.toLowerCase()).toContain(`; ${attribute.toLowerCase()}`);
  });

  it('takes a form only from its own page, and only from whoever it gave it to', async () => {
    const { visitor } = await atTheDoor();
    const page = visitor.at;
    expect(await visitor.send({ ...customer, token: 'forged' })).toBe(403);
    const { visitor: other } = await atTheDoor();
    expect(await other.send(customer, page)).toBe(400);
    expect(await newVisitor().open(page)).toBe(400);
  });

  it('registers a customer once, by page and by API', async () => {
    const { visitor, verifier } = await atTheDoor();
    const page = new URL(`${visitor.at.href}/registration`);
    expect(await visitor.open(page)).toBe(200);
    expect(await visitor.send({ name: 'Ann', email: 'no address', password: 'short' }, page)).toBe(422);
    expect(visitor.html).toMatch(/email-wrong[^]*password-wrong/);
    expect(await visitor.send({ name: 'Ann', email: 'Ann@example.com', password: 'a-long-password' }, page)).toBe(303);
    const { access_token } = await oauth.authorizationCodeGrant(shopCli, visitor.at, { pkceCodeVerifier: verifier });
    expect(decodeJwt(access_token)['roles']).toEqual(['customer']);
    const taken = await post('/accounts', { name: 'Ann', email: 'ANN@example.com', password: 'another-password' });
    expect([taken.status, await taken.json()]).toMatchObject([409, { code: 'email-taken' }]);
    expect(
      (await post('/accounts', { name: 'B\0b', email: 'bob@example.com', password: 'another-password' })).status,
    ).toBe(400);
    const made = await post('/accounts', { name: 'Bob', email: 'bob@example.com', password: 'another-password' });
    expect([made.status, await made.json()]).toEqual([
      201,
      { id: expect.any(String), name: 'Bob', email: 'bob@example.com' },
    ]);
  });

  it('tells a service of its own who somebody is, and nobody else', async () => {
    const { access_token: theirs, id_token } = await signedIn();
    const { access_token: ours } = await oauth.clientCredentialsGrant(notifications, addressLookup);
    secrets.push(ours);
    expect(decodeJwt(ours)).toMatchObject({ sub: 'notifications', aud: 'auth', scope: 'accounts:read' });
    const account = new URL(`/accounts/${decodeJwt(id_token!).sub}`, issuer);
    expect(await (await balanced(account, withToken(ours))).json()).toMatchObject({ email: customer.email });
    const statuses = await Promise.all([
      balanced(account, withToken(theirs)),
      balanced(account),
      balanced(account, withToken(id_token!)),
    ]);
    expect(statuses.map(({ status }) => status)).toEqual([403, 401, 401]);
    expect(await outcome(oauth.clientCredentialsGrant(notifications, { scope: 'orders:write' }))).toBe('invalid_scope');
    const guess = {
      method: 'POST',
      headers: { authorization: `Basic ${btoa('notifications:guessed')}` },
      body: new URLSearchParams({ grant_type: 'client_credentials' }),
    };
    const answer = await balanced(`${issuer}/token`, guess);
    expect([answer.status, await answer.json()]).toMatchObject([401, { error: 'invalid_client' }]);
  });

  it('lets an operator operate, and nobody else', async () => {
    const options = { [oauth.customFetch]: balanced as oauth.CustomFetch };
    const operator = await oauth.discovery(
      new URL(issuer),
      'operator',
      undefined,
      oauth.ClientSecretBasic(operatorSecret),
      options,
    );
    const { access_token } = await oauth.clientCredentialsGrant(operator, { scope: 'operations' });
    secrets.push(access_token);
    expect(decodeJwt(access_token)).toMatchObject({ sub: 'operator', aud: 'shop', scope: 'operations' });
    expect(await outcome(oauth.clientCredentialsGrant(operator, { scope: 'accounts:read' }))).toBe('invalid_scope');
    expect(await outcome(oauth.clientCredentialsGrant(notifications, { scope: 'operations' }))).toBe('invalid_scope');
    const { visitor } = await atTheDoor({ scope: 'openid orders:read operations' });
    expect(visitor.at.searchParams.get('error')).toBe('invalid_scope');
  });

  it('sends people away rather than let a storm of sign-ins take all there is', async () => {
    const { visitor } = await atTheDoor();
    const storm = Promise.all(
      Array.from({ length: 4 * capacity }, (_, n) =>
        visitor.twin().send({ email: `nobody-${n}@example.com`, password: 'wrong' }),
      ),
    );
    const token = outcome(oauth.clientCredentialsGrant(notifications, addressLookup));
    expect(new Set(await storm)).toEqual(new Set([422, 503]));
    expect(await token).toBe('granted');
  });

  it('prints nothing but its own log, and no secret in it', () => {
    expect(printed.length).toBeGreaterThan(50);
    for (const line of printed) expect(JSON.parse(line)).toMatchObject({ service: 'auth', msg: expect.any(String) });
    for (const secret of secrets) expect(printed.filter((line) => line.includes(secret))).toEqual([]);
    expect(printed.filter((line) => line.includes('"level":"error"'))).toEqual([]);
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
