import { parseArgs } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { Secret, TOTP } from 'otpauth';
import * as oauth from 'openid-client';
import { CookieJar } from 'tough-cookie';
import { addressOf, runningShop } from './running.ts';
import { Obstacle } from './state.ts';

/** What a sign-in is good for: the access token for `expiresIn` seconds, the refresh token once. */
export interface SignedIn {
  readonly accessToken: string;
  readonly refreshToken: string;
  readonly idToken: string;
  readonly expiresIn: number;
  /** The account's id. */
  readonly subject: string;
}

/**
 * How long one request of a sign-in may take, in milliseconds: checking a password waits its turn when many sign in.
 */
const patience = 30_000;
const redirectUri = 'http://127.0.0.1/callback';
const scope = 'openid offline_access orders:read orders:write';
/** What an admin asks for beyond that; granted to nobody else. */
const administration = 'products:write accounts:write';
/** The accounts that a shop with SEED_DEMO begins with. */
const demo = { customer: 'demo@example.com', support: 'support@example.com', admin: 'admin@example.com' };

/** Who signs in, and where. */
export interface Credentials {
  readonly issuer: string;
  readonly email: string;
  readonly password: string;
  /** The key of an authenticator app (base32), for an account whose sign-in takes a code. */
  readonly totp?: string | undefined;
}

/**
 * Signs in as a browser would: discovery, code + PKCE, the form, the code of the app, the redirects. An admin without a
 * second factor goes on as a customer. Throws an Obstacle that repeats what the page says.
 */
export function signIn({ issuer, email, password, totp }: Credentials): Promise<SignedIn> {
  return throughTheForm(issuer, '', { email, password }, totp);
}

/** Creates an account on the page a customer would use, and is signed in by it. */
export function register({
  issuer,
  ...account
}: {
  issuer: string;
  email: string;
  password: string;
  name: string;
}): Promise<SignedIn> {
  return throughTheForm(issuer, '/registration', account);
}

/** The access token of the client `operator`, for /operations of every service. */
export async function operatorToken(issuer: string, secret: string): Promise<string> {
  const config = await discovered(issuer, 'operator', oauth.ClientSecretBasic(secret));
  return (await oauth.clientCredentialsGrant(config, { scope: 'operations' })).access_token;
}

/** A new pair of tokens; the refresh token that was given is used up. */
export async function refresh(issuer: string, refreshToken: string): Promise<Omit<SignedIn, 'subject'>> {
  return tokens(await oauth.refreshTokenGrant(await client(issuer), refreshToken));
}

async function throughTheForm(
  issuer: string,
  page: string,
  fields: Record<string, string>,
  totp?: string,
): Promise<SignedIn> {
  const config = await client(issuer);
  const browser = new Browser();
  const verifier = oauth.randomPKCECodeVerifier();
  const state = oauth.randomState();
  const start = oauth.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope: `${scope} ${administration}`,
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  });
  const form = await browser.open(start);
  if (form.left)
    throw new Obstacle(`The sign-in page never came: ${form.url.searchParams.get('error_description') ?? form.url}`);
  const answer = await secondStep(browser, await browser.submit(new URL(form.url.href + page), fields), totp);
  if (!answer.left)
    throw new Obstacle(said(answer.html) ?? `The sign-in stopped at ${answer.url.pathname} (${answer.status}).`);
  const granted = await oauth.authorizationCodeGrant(config, answer.url, {
    pkceCodeVerifier: verifier,
    expectedState: state,
  });
  return { ...tokens(granted), subject: granted.claims()!.sub };
}

/**
 * What follows a right password: nothing, a code, or the advice to add a factor, past which one goes on as a customer.
 */
async function secondStep(browser: Browser, answer: Visit, totp: string | undefined): Promise<Visit> {
  if (answer.left || !answer.html.includes('name="passed"')) return answer;
  if (!answer.html.includes('name="code"')) return browser.send(answer, {});
  if (totp === undefined)
    throw new Obstacle('This account signs in with a second factor: say the key of its authenticator app by --totp.');
  let refused: Visit = answer;
  for await (const code of codesOf(totp)) {
    refused = await browser.send(refused, { code });
    if (refused.left || refused.status !== 422) break;
  }
  return refused;
}

const stepMs = 30_000;

/**
 * What an app shows, has shown and shows next, which is all that is taken. A code is taken once, so when others have
 * used up all of them one more comes with the next step.
 */
async function* codesOf(key: string): AsyncGenerator<string> {
  const totp = new TOTP({ secret: Secret.fromBase32(key) });
  for (const step of [-1, 0, 1]) yield totp.generate({ timestamp: Date.now() + step * stepMs });
  await sleep(stepMs - (Date.now() % stepMs));
  yield totp.generate({ timestamp: Date.now() + stepMs });
}

function tokens(granted: oauth.TokenEndpointResponse): Omit<SignedIn, 'subject'> {
  return {
    accessToken: granted.access_token,
    refreshToken: granted.refresh_token!,
    idToken: granted.id_token!,
    expiresIn: granted.expires_in!,
  };
}

const clients = new Map<string, Promise<oauth.Configuration>>();

/** What the issuer says about itself, asked once. Plain http is for loopback, where the shop runs on one machine. */
function client(issuer: string): Promise<oauth.Configuration> {
  const known = clients.get(issuer);
  if (known) return known;
  const found = discovered(issuer, 'shop-cli', oauth.None());
  clients.set(issuer, found);
  found.catch(() => clients.delete(issuer));
  return found;
}

function discovered(issuer: string, clientId: string, authentication: oauth.ClientAuth): Promise<oauth.Configuration> {
  const execute = new URL(issuer).protocol === 'http:' ? [oauth.allowInsecureRequests] : [];
  return oauth.discovery(new URL(issuer), clientId, undefined, authentication, { execute, timeout: patience / 1000 });
}

/**
 * Where the browser stands: on a page of the issuer, or `left` to the application's own address, which nobody has to
 * serve.
 */
type Visit = { left: true; url: URL } | { left: false; url: URL; status: number; html: string };

/** As much of a browser as a sign-in needs: cookies, redirects and one form. */
class Browser {
  private readonly cookies = new CookieJar();

  async open(url: URL, init: RequestInit = {}): Promise<Visit> {
    for (let at = url, request = init, hops = 0; hops < 10; hops += 1, request = {}) {
      if (at.href.startsWith(redirectUri)) return { left: true, url: at };
      const headers = new Headers(request.headers);
      headers.set('accept', 'text/html');
      headers.set('cookie', await this.cookies.getCookieString(at.href));
      const response = await fetch(at, {
        ...request,
        headers,
        redirect: 'manual',
        signal: AbortSignal.timeout(patience),
      });
      for (const cookie of response.headers.getSetCookie()) await this.cookies.setCookie(cookie, at.href);
      const to = response.headers.get('location');
      const html = await response.text();
      if (response.status < 300 || response.status > 399 || !to)
        return { left: false, url: at, status: response.status, html };
      at = new URL(to, at);
    }
    throw new Obstacle(`More than ten redirects from ${url.origin}.`);
  }

  /** Opens the page of a form and sends it filled in. */
  async submit(page: URL, fields: Record<string, string>): Promise<Visit> {
    return this.send(await this.open(page), fields);
  }

  /** Sends the form of a page filled in, with what is hidden in it, to where it says. */
  send(page: Visit, fields: Record<string, string>): Promise<Visit> {
    const { html } = page.left ? { html: '' } : page;
    const hidden = Object.fromEntries(
      [...html.matchAll(/type="hidden" name="(\w+)" value="([^"]*)"/g)].map((match) => [match[1]!, match[2]!]),
    );
    if (!hidden['token']) throw new Obstacle(`There is no form at ${page.url.pathname}.`);
    const action = /<form[^>]* action="([^"]+)"/.exec(html)?.[1] ?? page.url.href;
    return this.open(new URL(action, page.url), {
      method: 'POST',
      body: new URLSearchParams({ ...hidden, ...fields }),
    });
  }
}

/** Roles that the account has and this token has not, for want of a second factor. */
function withheldIn(token: string): readonly string[] {
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as {
    withheld_roles?: readonly string[];
  };
  return claims.withheld_roles ?? [];
}

/** What the page says went wrong, as text. */
function said(html: string): string | undefined {
  const reasons = [...html.matchAll(/role="alert">([^<]+)<|class="wrong"[^>]*>([^<]+)</g)].map(
    (match) => match[1] ?? match[2],
  );
  return reasons.length > 0 ? reasons.join(' ').replaceAll('&#39;', "'") : undefined;
}

const usage = `npm run login -- [--as admin|support] [--email <address>] [--password <password>] [--totp <key>] [--issuer <url>] | --operator

Signs in at the running shop and prints the access token, alone, on stdout: TOKEN=$(npm run -s login)

  --as                 another demo account: support reads every customer's orders, admin runs the shop too
  --email, --password  somebody else than the demo customer
  --totp               the key of their authenticator app (base32), where the sign-in takes a code; of the demo admin here it is known
  --issuer             another shop: the address of its gateway with /oidc
  --operator           as the operator of the shop that runs here, for /operations of its services
`;

/** `npm run login`: the token alone on stdout, everything else on stderr. Returns the exit code. */
export async function loginCommand(args: string[]): Promise<number> {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args,
    options: {
      as: text,
      email: text,
      password: text,
      totp: text,
      issuer: text,
      operator: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) {
    process.stderr.write(usage);
    return 0;
  }
  if (values.operator) {
    const shop = runningShop();
    process.stdout.write(`${await operatorToken(addressOf(shop).issuer, shop.operatorSecret)}\n`);
    return 0;
  }
  const who = values.as ?? 'customer';
  if (!(who in demo)) throw new Obstacle(`There is no demo account "${who}": ${Object.keys(demo).join(', ')}.`);
  const here = values.issuer === undefined ? runningShop() : undefined;
  const {
    email = demo[who as keyof typeof demo],
    password = 'demo-password-1',
    issuer = here && addressOf(here).issuer,
    totp = email === demo.admin ? here?.adminTotp : undefined,
  } = values;
  const { accessToken, expiresIn, subject } = await signIn({ issuer: issuer ?? '', email, password, totp });
  process.stderr.write(`Signed in as ${subject}; the token is good for ${expiresIn} s.\n`);
  const withheld = withheldIn(accessToken);
  if (withheld.length > 0)
    process.stderr.write(
      `It has not the role ${withheld.join(' and ')}: that takes a second factor, which is added at ${issuer}/account/second-factor.\n`,
    );
  process.stdout.write(`${accessToken}\n`);
  return 0;
}
