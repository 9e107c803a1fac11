import type { Patch } from './patches.ts';

const endSignIns = { invariant: 'security', caughtBy: 'apps/auth/src/oidc/end-sign-ins.int.spec.ts' } as const;

const authorization = { invariant: 'security', caughtBy: 'apps/auth/src/oidc/authorization.int.spec.ts' } as const;
const guesses = { invariant: 'security', caughtBy: 'apps/auth/src/sign-in/guess-limits.int.spec.ts', file: 'apps/auth/src/sign-in/guess-limits.ts' } as const;

/** Who may go on as whom: apps/auth. */
export const identityPatches: readonly Patch[] = [
  {
    name: 'second factors stay under the key that is about to be dropped',
    invariant: 'security',
    caughtBy: 'apps/auth/src/factors/kept-secrets.int.spec.ts',
    file: 'apps/auth/src/factors/kept-secrets.ts',
    find: "split_part(sealed, '.', 1) <> $2",
    replace: 'sealed = $2',
  },
  {
    name: 'what a key sealed for one use opens for another',
    invariant: 'security',
    caughtBy: 'apps/auth/src/oidc/sealing.spec.ts',
    file: 'apps/auth/src/oidc/sealing.ts',
    find: "hkdfSync('sha256', key, '', use, 32)",
    replace: "hkdfSync('sha256', key, '', 'sealed cookies', 32)",
  },
  {
    name: 'a sign-in is finished with a password that was changed meanwhile',
    ...endSignIns,
    file: 'apps/auth/src/oidc/artifact-store.ts',
    find: ' AND accounts.credentials_version = a.credentials_version',
    replace: '',
  },
  {
    name: 'a new password leaves the version of the credentials as it was',
    ...endSignIns,
    file: 'apps/auth/src/oidc/end-sign-ins.ts',
    find: 'SET credentials_version = credentials_version + 1',
    replace: 'SET credentials_version = credentials_version',
  },
  {
    name: 'the cookie of a known browser outlives the password',
    ...endSignIns,
    file: 'apps/auth/src/sign-in/guess-limits.ts',
    find: 'update(`device:${accountKey(email)}:${credentialsVersion}:${nonce}`)',
    replace: 'update(`device:${accountKey(email)}:${nonce}`)',
  },
  {
    name: 'each known browser guesses for itself',
    ...guesses,
    find: 'this.spend(account, knownBrowsers)',
    replace: 'this.spend(account, { ...knownBrowsers, name: device })',
  },
  { name: 'each address of an IPv6 network guesses for itself', ...guesses, find: 'digest(holderOf(address))', replace: 'digest(address)' },
  {
    name: 'a stranger’s request for a sign-in writes a row',
    invariant: 'security',
    caughtBy: 'apps/auth/src/oidc/carried.int.spec.ts',
    file: 'apps/auth/src/oidc/carried.ts',
    find: '=> !result && !lastSubmission',
    replace: '=> result === lastSubmission && false',
  },
  {
    name: 'a browser begins to sign in under a name where its cookies are not',
    invariant: 'security',
    caughtBy: 'apps/gateway/src/oidc/oidc-proxy.spec.ts',
    file: 'apps/gateway/src/oidc/oidc-proxy.ts',
    find: 'if (this.leadsAstray(request, path)) return this.toIssuer(request, reply);',
    replace: '',
  },
  {
    name: 'somebody else than the ID token names gets a code',
    ...authorization,
    file: 'apps/auth/src/oidc/open-id.ts',
    find: "if (payload['sub'] !== session.accountId) throw",
    replace: "if (payload['sub'] === '') throw",
  },
  {
    name: 'a refresh token used twice in the grace period leaves no trace',
    ...authorization,
    file: 'apps/auth/src/oidc/artifact-store.ts',
    find: 'await this.reused(found.payload, { inGrace });',
    replace: 'if (!inGrace) await this.reused(found.payload, { inGrace });',
  },
  {
    name: 'an operator’s sign-in leaves no trace',
    ...authorization,
    file: 'apps/auth/src/oidc/audited-provider.ts',
    find: "=== 'client_credentials'",
    replace: "=== 'client_secret'",
  },
  {
    name: 'a long secret is a good one',
    invariant: 'security',
    caughtBy: 'libs/platform/src/config/production.spec.ts',
    file: 'libs/platform/src/config/production.ts',
    find: 'guessingBits(secret) < leastBits',
    replace: 'secret.length < 16',
  },
  {
    name: 'production takes demo accounts',
    invariant: 'security',
    caughtBy: 'libs/platform/src/config/production.spec.ts',
    file: 'libs/platform/src/config/config.ts',
    find: "env['NODE_ENV'] === 'production'",
    replace: "env['NODE_ENV'] === 'prod'",
  },
  {
    name: 'a password that is no longer right sets another',
    invariant: 'security',
    caughtBy: 'apps/auth/src/oidc/end-sign-ins.int.spec.ts',
    file: 'apps/auth/src/oidc/end-sign-ins.ts',
    find: 'WHERE id = $1 AND credentials_version = $2 FOR UPDATE',
    replace: 'WHERE id = $1 AND credentials_version <= $2 + 9 FOR UPDATE',
  },
  {
    name: 'a mailed link outlives the password that it was to replace',
    invariant: 'security',
    caughtBy: 'apps/auth/src/oidc/end-sign-ins.int.spec.ts',
    file: 'apps/auth/src/oidc/end-sign-ins.ts',
    find: "AND kind = 'reset-password' AND used_at IS NULL`",
    replace: "AND kind = 'reset' AND used_at IS NULL`",
  },
  {
    name: 'sign-out by an ID token ends nothing',
    invariant: 'security',
    caughtBy: 'apps/auth/src/oidc/sign-out.int.spec.ts',
    file: 'apps/auth/src/oidc/sign-out.ts',
    find: 'if (hint && (await endFamilies(database, hint)) > 0) programs.add(hint.client);',
    replace: '',
  },
];
