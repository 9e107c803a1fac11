import type { EventEmitter } from 'node:events';
import { DomainError } from '@shop/kernel';
import type { Database, Logger } from '@shop/platform';
import type { JWK } from 'jose';
import { errors, interactionPolicy, Provider, type Configuration, type KoaContextWithOIDC } from 'oidc-provider';
import type { Accounts, Identity } from '../accounts/accounts.ts';
import type { Audit } from '../audit/audit.ts';
import type { AuthConfig } from '../auth.config.ts';
import { cookieName } from '../sign-in/cookies.ts';
import { renderFailure } from '../sign-in/pages.ts';
import { signedOutPage, signOutPage } from '../sign-in/sign-out-pages.ts';
import type { Artifacts } from './artifact-store.ts';
import { auditProvider, noteReuse } from './audited-provider.ts';
import { carriedByBrowser } from './carried.ts';
import { clients, ourClients, resources } from './clients.ts';
import { existingGrant, shop } from './grants.ts';
import { powersOf, type Powers } from './powers.ts';
import { Sealing } from './sealing.ts';
import { endOnSignOut, refuseOthersHint } from './sign-out.ts';
import { signingAlgorithm } from './signing-keys.ts';

const minutes = 60;
const days = 24 * 60 * minutes;

/**
 * Seconds that things live. An access token cannot be called back, so it is short; a grant ends a sign-in however often
 * it was refreshed.
 */
const lifetimes = {
  AccessToken: 5 * minutes,
  ClientCredentials: 5 * minutes,
  IdToken: 5 * minutes,
  AuthorizationCode: 1 * minutes,
  Interaction: 10 * minutes,
  Session: 60 * minutes,
  RefreshToken: 14 * days,
  Grant: 30 * days,
};

/** What the provider is made of, but for its keys. */
export interface ProviderParts {
  readonly config: AuthConfig;
  readonly database: Database;
  readonly artifacts: Artifacts;
  readonly accounts: Accounts;
  readonly audit: Audit;
  readonly logger: Logger;
}

/**
 * The certified OpenID Connect provider, told what this shop wants of it; the first key signs. Every default that would
 * print a notice at run time is answered here, so that nothing but the logger writes to stdout (a test counts the
 * lines).
 */
export function openIdProvider(
  { config, database, artifacts, accounts, audit, logger }: ProviderParts,
  keys: JWK[],
): Provider {
  const sealing = new Sealing(config.COOKIE_KEYS);
  const provider = new Provider(config.ISSUER, {
    adapter: (model) =>
      carriedByBrowser(model, artifacts.store(model, noteReuse(audit, model)), { sealing, issuer: config.ISSUER }),
    jwks: { keys },
    clients: clients(config),
    clientDefaults: { id_token_signed_response_alg: signingAlgorithm },
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'none'],
    clientBasedCORS: () => false,
    enabledJWA: { idTokenSigningAlgValues: [signingAlgorithm] },
    cookies: {
      names: cookieNames(config.ISSUER.startsWith('https:')),
      keys: config.COOKIE_KEYS,
      long: { httpOnly: true, sameSite: 'lax' },
      short: { httpOnly: true, sameSite: 'lax' },
    },
    // An application may want to know how somebody signed in; the library leaves it out of ID tokens unless a scope has
    // it.
    claims: { acr: null, auth_time: null, iss: null, sid: null, openid: ['sub', 'amr'] },
    ttl: lifetimes,
    responseTypes: ['code'],
    scopes: ['openid', 'offline_access', ...Object.values(resources).flatMap((resource) => resource.scopes)],
    pkce: { required: () => true },
    interactions: { policy: firstPartyPolicy(), url: (_ctx, { uid }) => `${config.ISSUER}/interaction/${uid}` },
    loadExistingGrant: (ctx) => existingGrant(ctx, accounts),
    findAccount: (_ctx, id) => account(accounts, id),
    extraTokenClaims: (ctx) => claimsOf(powersIn(ctx)),
    // Our own clients may all be refreshed; of others offline_access is asked, and the person is told so.
    issueRefreshToken: (_ctx, client, code) =>
      client.grantTypeAllowed('refresh_token') &&
      (ourClients.has(client.clientId) || code.scopes.has('offline_access')),
    expiresWithSession: () => false,
    rotateRefreshToken: true,
    renderError: renderFailure,
    features: features(),
  });
  // Behind the gateway; what is forwarded is set by mount.ts, never by the caller.
  provider.proxy = true;
  // For the few pages the library makes itself; it adds the hashes of its own scripts to `script-src`.
  provider.use((ctx, next) => {
    ctx.set(
      'content-security-policy',
      `default-src 'none'; script-src 'none'; base-uri 'none'; frame-ancestors 'none'`,
    );
    return next();
  });
  endOnSignOut(provider, { database, audit });
  sayWhatIsMissing(provider, new URL(config.ISSUER).pathname);
  auditProvider(provider, audit);
  logFailures(provider, logger);
  return provider;
}

/** The provider answers 500 to whatever it did not expect and says so by an event, in time for us to know better. */
function logFailures(provider: Provider, logger: Logger): void {
  provider.on('server_error', (ctx, error) => {
    if (error instanceof DomainError && error.kind === 'unavailable') {
      ctx.status = 503;
      ctx.set('retry-after', '1');
    }
    logger.error({ err: error }, 'oidc-provider failed');
  });
  // Koa's own event, for an answer that broke off; without a listener it is printed.
  (provider as EventEmitter).on('error', (error) =>
    logger.error({ err: error }, 'an answer of oidc-provider broke off'),
  );
}

/** The library's own names, as cookies are called here. */
const cookieNames = (secure: boolean) => ({
  session: cookieName('_session', secure),
  interaction: cookieName('_interaction', secure),
  resume: cookieName('_interaction_resume', secure),
});

function askToSignOut(ctx: KoaContextWithOIDC, form: string): void {
  refuseOthersHint(ctx);
  signOutPage(ctx, form);
}

function features(): Configuration['features'] {
  return {
    clientCredentials: { enabled: true },
    rpInitiatedLogout: {
      enabled: true,
      logoutSource: askToSignOut,
      postLogoutSuccessSource: (ctx) => signedOutPage(ctx, { session: false, programs: [] }),
    },
    revocation: { enabled: true, allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId },
    introspection: { enabled: true, allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => shop,
      useGrantedResource: () => true,
      getResourceServerInfo: (ctx, indicator, client) => {
        const resource = resources[indicator];
        // What is for one service alone is for services: no person lets a program use it.
        if (!resource || (indicator !== shop && client.grantTypeAllowed('authorization_code')))
          throw new errors.InvalidTarget();
        return {
          scope: scopesWithin(ctx, resource.scopes).join(' '),
          audience: resource.audience,
          accessTokenTTL: lifetimes.AccessToken,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: signingAlgorithm } },
        };
      },
    },
    // On by default and not needed here: what is off cannot be attacked.
    devInteractions: { enabled: false },
    dPoP: { enabled: false },
    pushedAuthorizationRequests: { enabled: false },
    userinfo: { enabled: false },
  };
}

/**
 * Nobody is asked whether the shop may use the shop; of other programs every sign-in is. A program on somebody's
 * machine, which anybody could pass themselves off as, makes them sign in every time (RFC 8252 §8.6): a code is never
 * given out without a person having acted.
 */
function firstPartyPolicy() {
  const { Check, base } = interactionPolicy;
  const policy = base();
  policy.get('login')?.checks.remove('id_token_hint');
  policy.get('login')?.checks.add(
    new Check('id_token_hint', 'id_token_hint is of somebody else', 'login_required', async ({ oidc }) => {
      await refuseHintOfOthers(oidc);
      return Check.NO_NEED_TO_PROMPT;
    }),
  );
  policy.get('consent')?.checks.remove('native_client_prompt');
  policy
    .get('login')
    ?.checks.add(
      new Check(
        'native_client_prompt',
        'native clients require the person to sign in',
        'interaction_required',
        ({ oidc }) =>
          oidc.client?.applicationType === 'native' && !oidc.result?.login
            ? Check.REQUEST_PROMPT
            : Check.NO_NEED_TO_PROMPT,
      ),
    );
  return policy;
}

/**
 * Throws `login_required` where somebody else is signed in than the program's ID token names (OpenID Connect Core 1.0,
 * 3.1.2.1): the library would ask for another sign-in, and take whoever came. Who is asked to sign in anyway may do so
 * as the person named.
 */
async function refuseHintOfOthers({
  params,
  session,
  client,
  provider,
  route,
  prompts,
}: KoaContextWithOIDC['oidc']): Promise<void> {
  const hint = params?.['id_token_hint'];
  if (typeof hint !== 'string' || !client || session?.accountId === undefined) return;
  if (route === 'authorization' && prompts.has('login')) return;
  const { payload } = await provider.IdToken.validate(hint, client);
  if (payload['sub'] !== session.accountId) throw new errors.LoginRequired('id_token_hint is of somebody else');
}

/**
 * What the sign-in may do that a token is being made of; undefined where none is, and where a program acts for itself.
 */
function powersIn({ oidc: { entities, client } }: KoaContextWithOIDC): Powers | undefined {
  const account = entities.Account as ShopAccount | undefined;
  return (
    account &&
    client &&
    powersOf({
      client: client.clientId,
      roles: account.roles,
      amr: (entities.RefreshToken ?? entities.AuthorizationCode)?.amr,
    })
  );
}

/**
 * Looked at with each token, so that one of a refresh has no scope of a role that was taken away, or that was given
 * before a second factor was asked for.
 */
function scopesWithin(ctx: KoaContextWithOIDC, scopes: readonly string[]): readonly string[] {
  const beyond = ctx.oidc.route === 'token' ? powersIn(ctx)?.beyond(scopes) : undefined;
  return beyond === undefined ? scopes : scopes.filter((scope) => !beyond.includes(scope));
}

const claimsOf = (powers: Powers | undefined) => ({
  roles: powers?.roles ?? [],
  ...(powers && powers.withheld.length > 0 && { withheld_roles: powers.withheld }),
});

type ShopAccount = Awaited<ReturnType<typeof account>> & Pick<Identity, 'roles'>;

async function account(accounts: Accounts, id: string) {
  const identity = await accounts.identity(id);
  return identity && { accountId: identity.id, roles: identity.roles, claims: () => ({ sub: identity.id }) };
}

/**
 * Paths the provider does not know get the shop's one error shape; what OAuth says about its own requests stays as its
 * standards have it.
 */
function sayWhatIsMissing(provider: Provider, mountedAt: string): void {
  provider.use(async (ctx, next) => {
    await next();
    if (ctx.status !== 404 || ctx.body !== undefined) return;
    ctx.body = {
      type: 'urn:shop:problem:unknown-path',
      title: 'Not Found',
      status: 404,
      code: 'unknown-path',
      detail: 'There is nothing at this path.',
      instance: mountedAt + ctx.path,
    };
    ctx.status = 404;
    ctx.type = 'application/problem+json';
  });
}
