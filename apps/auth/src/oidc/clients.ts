import type { Role } from '@shop/contracts';
import type { ClientMetadata } from 'oidc-provider';
import type { AuthConfig } from '../auth.config.ts';

/** What customers may let a program do, and what services may do of themselves. */
export const shopScopes = ['orders:read', 'orders:write', 'products:write', 'accounts:write', 'accounts:read', 'operations'] as const;

/** What only some people can let a program do; whoever else asks for it signs in without it. */
export const scopesOfRoles: Readonly<Record<string, Role>> = { 'products:write': 'admin', 'accounts:write': 'admin' };

/** Every program that may ask for tokens. All are our own, so nobody is asked whether they may. */
export function clients(config: AuthConfig): ClientMetadata[] {
  return [
    {
      // The shop on a command line (npm run login, tests, load scripts): it can keep no secret, so PKCE stands in for one. By
      // RFC 8252 §7.3 a loopback redirect matches on any port.
      client_id: 'shop-cli',
      client_name: 'the shop',
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      redirect_uris: ['http://127.0.0.1/callback'],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      scope: 'openid offline_access orders:read orders:write products:write accounts:write',
    },
    {
      client_id: 'notifications',
      client_secret: config.NOTIFICATIONS_CLIENT_SECRET,
      token_endpoint_auth_method: 'client_secret_basic',
      redirect_uris: [],
      grant_types: ['client_credentials'],
      response_types: [],
      scope: 'accounts:read',
    },
    ...(config.OPERATOR_CLIENT_SECRET === undefined ? [] : [operator(config.OPERATOR_CLIENT_SECRET)]),
  ];
}

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
