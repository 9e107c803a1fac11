import type { Role } from '@shop/contracts';
import type { ClientMetadata } from 'oidc-provider';
import type { AuthConfig } from '../auth.config.ts';

/** What people may let a program do, and what an operator may. */
export const shopScopes = ['orders:read', 'orders:write', 'products:write', 'accounts:write', 'operations'] as const;

/**
 * What tokens are for (RFC 8707): the shop's API, unless a client names a single service. A token between services is
 * good at one of them only, so that who steals it there can use it nowhere else. `audience` is what `aud` says.
 */
export const resources: Readonly<Record<string, { audience: string; scopes: readonly string[] }>> = {
  'urn:shop': { audience: 'shop', scopes: shopScopes },
  'urn:shop:auth': { audience: 'auth', scopes: ['accounts:read', 'mails:send'] },
};

/** What only some people can let a program do; whoever else asks for it signs in without it. */
export const scopesOfRoles: Readonly<Record<string, Role>> = { 'products:write': 'admin', 'accounts:write': 'admin' };

/** Our own programs: nobody is asked whether they may, and only their tokens say which roles a person has. */
export const ourClients: ReadonlySet<string> = new Set(['shop-cli', 'account']);
/** Our page where people see what they are signed in to. */
export const accountClient = 'account';

/** Every program that may ask for tokens. */
export function clients(config: AuthConfig): ClientMetadata[] {
  return [
    {
      // The shop on a command line (npm run login, tests, load scripts): it can keep no secret, so PKCE stands in for
      // one. By RFC 8252 §7.3 a loopback redirect matches on any port.
      client_id: 'shop-cli',
      client_name: 'the shop',
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      redirect_uris: ['http://127.0.0.1/callback'],
      post_logout_redirect_uris: ['http://127.0.0.1/signed-out'],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      scope: 'openid offline_access orders:read orders:write products:write accounts:write',
    },
    {
      // It wants somebody signed in and no token: its verifier is thrown away, so its code is good for nothing.
      client_id: accountClient,
      client_name: 'your account page',
      token_endpoint_auth_method: 'none',
      redirect_uris: [`${config.ISSUER}/account`],
      grant_types: ['authorization_code'],
      response_types: ['code'],
      scope: 'openid',
    },
    {
      client_id: 'notifications',
      client_secret: config.NOTIFICATIONS_CLIENT_SECRET,
      token_endpoint_auth_method: 'client_secret_basic',
      redirect_uris: [],
      grant_types: ['client_credentials'],
      response_types: [],
      scope: 'accounts:read mails:send',
    },
    ...(config.SEED_DEMO ? [parcelTracker] : []),
    ...(config.OPERATOR_CLIENT_SECRET === undefined ? [] : [operator(config.OPERATOR_CLIENT_SECRET)]),
  ];
}

/** Somebody else's program: it has to ask the person, and acts for a customer only. */
const parcelTracker: ClientMetadata = {
  client_id: 'parcel-tracker',
  client_name: 'Parcel Tracker',
  application_type: 'native',
  token_endpoint_auth_method: 'none',
  redirect_uris: ['http://127.0.0.1/tracked'],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  scope: 'openid offline_access orders:read',
};

/** Whoever operates the services, at /operations of each: docs/operations.md. */
function operator(secret: string): ClientMetadata {
  return {
    client_id: 'operator',
    client_secret: secret,
    token_endpoint_auth_method: 'client_secret_basic',
    redirect_uris: [],
    grant_types: ['client_credentials'],
    response_types: [],
    scope: 'operations',
  };
}
