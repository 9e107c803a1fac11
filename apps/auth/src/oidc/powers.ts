import { ourClients, scopesOfRoles } from './clients.ts';

/**
 * Roles that somebody has only in a sign-in with a second factor: a password alone, guessed or fished, must not run the
 * shop.
 */
const rolesOfTwoFactors: ReadonlySet<string> = new Set(['admin']);

/** A sign-in as a token, or a grant, is made of it. */
export interface SignedInAs {
  readonly client: string;
  /** All roles of the account. */
  readonly roles: readonly string[];
  /** How the person proved who they are (RFC 8176). */
  readonly amr: readonly string[] | undefined;
}

/** What a sign-in may do. */
export interface Powers {
  readonly roles: readonly string[];
  /** Roles that the account has and this sign-in does not, for want of a second factor. */
  readonly withheld: readonly string[];
  /** Of the scopes that were asked for, those that go beyond these roles. */
  readonly beyond: (scopes: readonly string[]) => string[];
}

/**
 * Programs of others act for a customer, never for those who run the shop; our own have the roles of the person, as far
 * as the factors of the sign-in go.
 */
export function powersOf({ client, roles, amr }: SignedInAs): Powers {
  const all = ourClients.has(client) ? roles : [];
  const withheld = amr?.includes('mfa') ? [] : all.filter((role) => rolesOfTwoFactors.has(role));
  const held = all.filter((role) => !withheld.includes(role));
  return {
    roles: held,
    withheld,
    beyond: (scopes) =>
      scopes.filter((scope) => scopesOfRoles[scope] !== undefined && !held.includes(scopesOfRoles[scope])),
  };
}
