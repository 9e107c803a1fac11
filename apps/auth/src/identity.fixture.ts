import { createServer, type AddressInfo } from 'node:net';
import { once } from 'node:events';
import { mailRequestKind, type MailRequest } from '@shop/contracts';
import { Database, runService, type RunningService } from '@shop/platform';
import { freshDatabase } from '@shop/testing';
import { Secret, TOTP } from 'otpauth';
import * as oauth from 'openid-client';
import { afterAll } from 'vitest';
import { newSecret } from './factors/totp.ts';
import { auth } from './service.ts';
import { Visitor } from './visitor.fixture.ts';

export const redirectUri = 'http://127.0.0.1:47112/callback';
const tracked = 'http://127.0.0.1:47112/tracked';
const signedOut = 'http://127.0.0.1:47112/signed-out';
const secret = 'secret-of-this-spec';
const adminTotp = newSecret();

/**
 * Two instances of auth in this process, the first of which is the address the world knows; and the programs that use
 * it.
 */
export interface Identity {
  readonly issuer: string;
  readonly database: Database;
  readonly instances: readonly RunningService[];
  /** Of a client that we did not write: by discovery alone. */
  client(id: string, authentication?: oauth.ClientAuth): Promise<oauth.Configuration>;
  operator(): Promise<oauth.Configuration>;
  notifications(): Promise<oauth.Configuration>;
  /** What auth wants to be mailed, as notifications fetches it. */
  mailRequests(): Promise<MailRequest[]>;
  close(): Promise<void>;
}

/** The same for one spec file, with the shop's own program; it ends when the file does. */
export async function identityOfThisFile(
  settings?: Record<string, string>,
  host?: string,
): Promise<{ identity: Identity; shop: oauth.Configuration }> {
  const identity = await startIdentity(settings, host);
  afterAll(() => identity.close());
  return { identity, shop: await identity.client('shop-cli') };
}

/** `host`: as what browsers know it; they make passkeys for names only. */
export async function startIdentity(settings: Record<string, string> = {}, host = '127.0.0.1'): Promise<Identity> {
  const { url } = await freshDatabase('auth');
  const issuer = `http://${host}:${await freePort()}/oidc`;
  const environment = {
    LOG_LEVEL: 'silent',
    SHED_LOOP_DELAY_MS: '0',
    ISSUER: issuer,
    JWKS_URL: `${issuer}/jwks`,
    DATABASE_URL: url,
    TRUST_PROXY: '127.0.0.1',
    COOKIE_KEYS: 'a-cookie-key-of-this-year',
    FACTOR_KEYS: 'a-factor-key-of-this-year',
    NOTIFICATIONS_CLIENT_SECRET: secret,
    OPERATOR_CLIENT_SECRET: secret,
    SEED_DEMO: '1',
    DEMO_ADMIN_TOTP_SECRET: adminTotp,
    ...settings,
  };
  const instances = [
    await runService(auth, { ...environment, PORT: new URL(issuer).port }),
    await runService(auth, { ...environment, PORT: '0' }),
  ];
  const database = new Database(url, { size: 2, application: 'spec' });
  const client = (id: string, authentication: oauth.ClientAuth = oauth.None()) =>
    oauth.discovery(new URL(issuer), id, undefined, authentication, { execute: [oauth.allowInsecureRequests] });
  return {
    issuer,
    database,
    instances,
    client,
    operator: () => client('operator', oauth.ClientSecretBasic(secret)),
    notifications: () => client('notifications', oauth.ClientSecretBasic(secret)),
    async mailRequests() {
      const notifications = await client('notifications', oauth.ClientSecretBasic(secret));
      const { access_token } = await oauth.clientCredentialsGrant(notifications, {
        scope: 'mails:send',
        resource: 'urn:shop:auth',
      });
      const headers = { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' };
      const answer = await fetch(new URL('/mail-requests/claims', issuer), {
        method: 'POST',
        headers,
        body: JSON.stringify({ limit: 100, kinds: mailRequestKind.options }),
      });
      const { items } = (await answer.json()) as { items: MailRequest[] };
      for (const { id } of items)
        await fetch(new URL(`/mail-requests/${id}/completion`, issuer), { method: 'POST', headers, body: '{}' });
      return items;
    },
    async close() {
      await Promise.all(instances.map((instance) => instance.close()));
      await database.close();
    },
  };
}

/** A browser at the page that a program sends it to, and what it takes to redeem the code later. */
export async function atTheDoor(
  { issuer }: Identity,
  client: oauth.Configuration,
  {
    redirect = redirectUri,
    prompt = '',
    scope = 'openid offline_access orders:read orders:write',
    browser = new Visitor((url, init) => fetch(url, { ...init, redirect: 'manual' }), new URL(issuer), [
      redirect,
      signedOut,
    ]),
  } = {},
) {
  const verifier = oauth.randomPKCECodeVerifier();
  const pkce = { code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' };
  await browser.open(
    oauth.buildAuthorizationUrl(client, { redirect_uri: redirect, scope, ...(prompt && { prompt }), ...pkce }),
  );
  return { browser, redeem: () => oauth.authorizationCodeGrant(client, browser.at, { pkceCodeVerifier: verifier }) };
}

let people = 0;

/** Somebody who has no account yet. */
export const stranger = () => ({
  name: 'Ida',
  email: `ida-${(people += 1)}@example.com`,
  password: 'correct horse battery',
});

/** The answer to a registration, in a browser of its own, and what it takes to redeem the code. */
export async function registered(identity: Identity, client: oauth.Configuration, account = stranger()) {
  const { browser, redeem } = await atTheDoor(identity, client);
  const page = new URL(`${browser.at.href}/registration`);
  await browser.open(page);
  const status = await browser.send(account, page);
  return { ...account, browser, redeem, status };
}

/** A new customer, signed in with a browser of their own. */
export async function newcomer(identity: Identity, client: oauth.Configuration) {
  const { status: _, redeem, ...account } = await registered(identity, client);
  const tokens = await redeem();
  return {
    ...account,
    id: tokens.claims()!.sub,
    access: tokens.access_token,
    idToken: tokens.id_token!,
    refresh: tokens.refresh_token!,
  };
}

/** What an authenticator app shows so many steps from now. */
export const codeOf = (secret: string, steps = 0) =>
  new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: Date.now() + steps * 30_000 });

/**
 * The demo admin, signed in with password and code. No code of before counts as used, so that a spec need not wait for
 * the next one.
 */
export async function signInAsAdmin(
  identity: Identity,
  client: oauth.Configuration,
  options?: Parameters<typeof atTheDoor>[2],
) {
  await identity.database.query('UPDATE totp_factors SET last_step = 0');
  const { browser, redeem } = await atTheDoor(identity, client, options);
  await browser.send({ email: 'admin@example.com', password: 'demo-password-1' });
  const status = await browser.send({ code: codeOf(adminTotp) });
  return { browser, redeem, status };
}

export const trackedUri = tracked;
export const signedOutUri = signedOut;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}
