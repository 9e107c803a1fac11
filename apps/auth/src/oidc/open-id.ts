import type { EventEmitter } from 'node:events';
import { DomainError } from '@shop/kernel';
import type { Database, Logger } from '@shop/platform';
import { errors, interactionPolicy, Provider, type Configuration, type KoaContextWithOIDC } from 'oidc-provider';
import type { Accounts, Identity } from '../accounts/accounts.ts';
import type { AuthConfig } from '../auth.config.ts';
import { renderFailure } from '../sign-in/pages.ts';
import { ArtifactStore } from './artifact-store.ts';
import { clients, scopesOfRoles, shopScopes } from './clients.ts';
import { signingAlgorithm, signingKeys } from './signing-keys.ts';

/** What tokens are for (RFC 8707): the one resource there is, whether or not a client names it. In a token it reads `aud: 'shop'`. */
const shop = { indicator: 'urn:shop', audience: 'shop' };

const minutes = 60;
const days = 24 * 60 * minutes;

/** Seconds that things live. An access token cannot be called back, so it is short; a grant ends a sign-in however often it was refreshed. */
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

/**
 * The certified OpenID Connect provider, told what this shop wants of it. Every default that would print a notice at run time is
 * answered here, so that nothing but the logger writes to stdout (a test counts the lines).
 */
export async function openIdProvider(config: AuthConfig, database: Database, accounts: Accounts, logger: Logger): Promise<Provider> {
  const provider = new Provider(config.ISSUER, {
    adapter: (model) => new ArtifactStore(model, database),
    jwks: { keys: await signingKeys(database) },
    clients: clients(config),
    clientDefaults: { id_token_signed_response_alg: signingAlgorithm },
    clientAuthMethods: ['client_secret_basic', 'client_secret_post', 'none'],
    clientBasedCORS: () => false,
    enabledJWA: { idTokenSigningAlgValues: [signingAlgorithm] },
    cookies: { keys: config.COOKIE_KEYS, long: { httpOnly: true, sameSite: 'lax' }, short: { httpOnly: true, sameSite: 'lax' } },
    ttl: lifetimes,
    responseTypes: ['code'],
    scopes: ['openid', 'offline_access', ...shopScopes],
    pkce: { required: () => true },
    interactions: { policy: firstPartyPolicy(), url: (_ctx, { uid }) => `${config.ISSUER}/interaction/${uid}` },
    loadExistingGrant: (ctx) => grantAll(ctx, accounts),
    findAccount: (_ctx, id) => account(accounts, id),
    extraTokenClaims: (ctx) => ({ roles: (ctx.oidc.entities.Account as ShopAccount | undefined)?.roles ?? [] }),
    // Our own clients may all be refreshed; offline_access, which OpenID ties to a consent screen, is accepted and adds nothing.
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    expiresWithSession: () => false,
    rotateRefreshToken: true,
    renderError: renderFailure,
    features: features(),
  });
  // Behind the gateway; what is forwarded is set by mount.ts, never by the caller.
  provider.proxy = true;
  // For the few pages the library makes itself; it adds the hashes of its own scripts to `script-src`.
  provider.use((ctx, next) => {
    ctx.set('content-security-policy', `default-src 'none'; script-src 'none'; base-uri 'none'; frame-ancestors 'none'`);
    return next();
  });
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
  (provider as EventEmitter).on('error', (error) => logger.error({ err: error }, 'an answer of oidc-provider broke off'));
}

function features(): Configuration['features'] {
  return {
    clientCredentials: { enabled: true },
    revocation: { enabled: true, allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => shop.indicator,
      useGrantedResource: () => true,
      getResourceServerInfo: (_ctx, indicator) => {
        if (indicator !== shop.indicator) throw new errors.InvalidTarget();
        return {
          scope: shopScopes.join(' '),
          audience: shop.audience,
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
    rpInitiatedLogout: { enabled: false },
    userinfo: { enabled: false },
  };
}

/**
 * Nobody is asked whether the shop may use the shop. Instead a program on somebody's machine, which anybody could pass themselves
 * off as, makes them sign in every time (RFC 8252 §8.6): a code is never given out without a person having acted.
 */
function firstPartyPolicy() {
  const { Check, base } = interactionPolicy;
  const policy = base();
  policy.get('consent')?.checks.remove('native_client_prompt');
  policy.get('login')?.checks.add(
    new Check('native_client_prompt', 'native clients require the person to sign in', 'interaction_required', ({ oidc }) =>
      oidc.client?.applicationType === 'native' && !oidc.result?.login ? Check.REQUEST_PROMPT : Check.NO_NEED_TO_PROMPT,
    ),
  );
  return policy;
}

/** Grants what was asked for to whoever has just signed in: one sign-in, one grant, one family of refresh tokens. */
async function grantAll({ oidc }: KoaContextWithOIDC, accounts: Accounts) {
  if (!oidc.result?.login || !oidc.client) return undefined;
  const accountId = String(oidc.result.login.accountId);
  const roles = (await accounts.identity(accountId))?.roles ?? [];
  const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId });
  const asked = String(oidc.params?.['scope'] ?? '').split(' ');
  const beyond = asked.filter((scope) => scopesOfRoles[scope] !== undefined && !roles.includes(scopesOfRoles[scope]));
  const scope = asked.filter((one) => !beyond.includes(one)).join(' ');
  grant.addOIDCScope(scope);
  grant.addResourceScope(shop.indicator, scope);
  if (beyond.length > 0) {
    grant.rejectOIDCScope(beyond.join(' '));
    grant.rejectResourceScope(shop.indicator, beyond.join(' '));
  }
  await grant.save();
  return grant;
}

type ShopAccount = Awaited<ReturnType<typeof account>> & Pick<Identity, 'roles'>;

async function account(accounts: Accounts, id: string) {
  const identity = await accounts.identity(id);
  return identity && { accountId: identity.id, roles: identity.roles, claims: () => ({ sub: identity.id }) };
}
