import type { KoaContextWithOIDC, Provider } from 'oidc-provider';
import type { Accounts } from '../accounts/accounts.ts';
import { ourClients } from './clients.ts';
import { powersOf } from './powers.ts';

/** The one resource that people let programs use. */
export const shop = 'urn:shop';

/** What a consent screen has to ask for: the details of the library's prompt. */
export function missingScopes(details: Record<string, unknown>): string[] {
  const { missingOIDCScope = [], missingResourceScopes = {} } = details as {
    missingOIDCScope?: string[];
    missingResourceScopes?: Record<string, string[]>;
  };
  return [...new Set([...missingOIDCScope, ...Object.values(missingResourceScopes).flat()])];
}

/** Writes down what a person lets a program do; the library's name for it. */
export function grantTo(
  provider: Provider,
  { client, account, scopes }: { client: string; account: string; scopes: readonly string[] },
): Promise<string> {
  const grant = new provider.Grant({ clientId: client, accountId: account });
  grant.addOIDCScope(scopes.join(' '));
  grant.addResourceScope(shop, scopes.join(' '));
  return grant.save();
}

/**
 * Nobody is asked whether the shop may use the shop: whoever has just signed in grants our own programs what they ask
 * for, as far as their roles and the factors of this sign-in go. One sign-in, one grant, one family of refresh tokens.
 * Other programs have the grant that was given on the consent page.
 */
export async function existingGrant({ oidc }: KoaContextWithOIDC, accounts: Accounts) {
  const { client, result, session, provider } = oidc;
  if (!client) return undefined;
  if (!ourClients.has(client.clientId)) {
    const given = (result?.consent?.grantId as string | undefined) ?? session?.grantIdFor(client.clientId);
    return given === undefined ? undefined : provider.Grant.find(given);
  }
  if (!result?.login) return undefined;
  const accountId = String(result.login.accountId);
  const roles = (await accounts.identity(accountId))?.roles ?? [];
  const asked = String(oidc.params?.['scope'] ?? '').split(' ');
  const rejected = powersOf({ client: client.clientId, roles, amr: result.login.amr }).beyond(asked);
  const [granted, beyond] = [asked.filter((scope) => !rejected.includes(scope)).join(' '), rejected.join(' ')];
  const grant = new provider.Grant({ clientId: client.clientId, accountId });
  grant.addOIDCScope(granted);
  grant.addResourceScope(shop, granted);
  if (beyond !== '') {
    grant.rejectOIDCScope(beyond);
    grant.rejectResourceScope(shop, beyond);
  }
  await grant.save();
  return grant;
}
