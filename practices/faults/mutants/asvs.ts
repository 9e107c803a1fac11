import type { Patch } from './patches.ts';

/**
 * What a requirement of OWASP's ASVS claims, made false; the test that docs/security/asvs.csv names has to turn red. By name:
 * `npm run fault mutants -- --only "ASVS 3.4"`.
 */
const claim = (number: string, what: string, patch: Omit<Patch, 'name' | 'invariant'>): Patch => ({ name: `ASVS ${number}: ${what}`, invariant: 'security', ...patch });

const headers = { file: 'libs/platform/src/http/secure-headers.ts', caughtBy: 'libs/platform/src/http/browsers.spec.ts' };
const broken = { file: 'libs/platform/src/http/broken-request.ts', caughtBy: 'libs/platform/src/http/browsers.spec.ts' };
const hooks = { file: 'libs/platform/src/http/request-hooks.ts', caughtBy: 'libs/platform/src/http/browsers.spec.ts' };
const cors = { file: 'libs/platform/src/http/cors.ts', caughtBy: 'libs/platform/src/http/browsers.spec.ts' };
const pages = { file: 'apps/auth/src/sign-in/html.ts', caughtBy: 'apps/auth/src/sign-in/pages.spec.ts' };
const verifier = { file: 'libs/platform/src/auth/token-verifier.ts', caughtBy: 'libs/platform/src/auth/token-verifier.spec.ts' };
const passwords = { file: 'apps/auth/src/accounts/passwords.ts', caughtBy: 'apps/auth/src/accounts/passwords.spec.ts' };
const logger = { file: 'libs/platform/src/service/logger.ts', caughtBy: 'libs/platform/src/service/logger.spec.ts' };
const problems = { file: 'libs/platform/src/http/problem-of.ts', caughtBy: 'libs/platform/src/http/requests.spec.ts' };
const limits = { file: 'libs/platform/src/limits/limit-requests.ts', caughtBy: 'apps/gateway/src/limits/edge-limits.spec.ts' };
const identity = { caughtBy: 'apps/auth/src/identity.int.spec.ts' };

export const asvsPatches: readonly Patch[] = [
  claim('1.2.1', 'what somebody typed is markup', { ...pages, find: "replace(/[&<>\"']/g,", replace: 'replace(/[&]/g,' }),
  claim('2.4.1', 'nobody who asks too often is refused', { ...limits, find: 'if (!allowed) throw refusal(', replace: 'if (Date.now() === 0) throw refusal(' }),
  claim('3.2.1', 'what an answer is may be guessed', { ...hooks, find: "    reply.header('x-content-type-options', 'nosniff');\n", replace: '' }),
  claim('3.4.2', 'any origin may call', { ...cors, find: 'origin !== undefined && this.#origins.has(origin)', replace: 'origin !== undefined' }),
  claim('3.4.3', 'scripts of others run', { ...headers, find: "\"script-src 'self'\",", replace: "\"script-src 'self' https:\"," }),
  claim('3.4.3', 'plug-ins run', { ...headers, find: "\"object-src 'none'\",", replace: '"object-src https:",' }),
  claim('3.4.3', 'a sign-in page takes any style', { ...pages, find: "style-src 'sha256-${styleHash}'", replace: "style-src 'unsafe-inline'" }),
  claim('3.4.4', 'what is no HTTP is answered without a guard', { ...broken, find: "  'x-content-type-options': 'nosniff',\n", replace: '' }),
  claim('3.4.5', 'addresses of ours are told to others', { ...headers, find: "  'referrer-policy': 'no-referrer',\n", replace: '' }),
  claim('3.4.5', 'addresses of ours are told to others by what no route answers', { ...broken, find: "  'referrer-policy': 'no-referrer',\n", replace: '' }),
  claim('3.4.6', 'anybody may frame an answer', { ...headers, find: "\"frame-ancestors 'self'\",", replace: '"frame-ancestors *",' }),
  claim('3.4.6', 'anybody may frame a sign-in page', { ...pages, find: "; frame-ancestors 'none'`", replace: '`' }),
  claim('6.2.8', 'a password typed on another keyboard is another', { ...passwords, find: "password.normalize('NFKC')", replace: 'password' }),
  claim('6.8.2', 'a token of another issuer is taken', { ...verifier, find: '        issuer: this.issuer,\n', replace: '' }),
  claim('9.1.1', 'a token lives on after its end', { ...verifier, find: 'clockTolerance: this.#leeway', replace: 'clockTolerance: 1e9' }),
  claim('9.2.2', 'a token of another kind is taken', { ...verifier, find: "        typ: 'at+jwt',\n", replace: '' }),
  claim('9.2.3', 'a token for another audience is taken', { ...verifier, find: '        audience: this.#audiences,\n', replace: '' }),
  claim('11.4.2', 'passwords are hashed in one pass', { ...passwords, find: 'timeCost: 2', replace: 'timeCost: 1' }),
  claim('7.4.1', 'a sign-out leaves the refresh tokens of its session', {
    ...identity,
    file: 'apps/auth/src/oidc/sign-out.ts',
    find: "if (!params?.['logout']) return shown",
    replace: 'if (params) return shown',
  }),
  claim('7.4.3', 'a new password leaves other sign-ins', {
    ...identity,
    file: 'apps/auth/src/accounts/accounts.ts',
    find: 'const version = await endSignIns(tx, id);',
    replace: 'const version = 1;',
  }),
  claim('14.3.2', 'an answer to somebody who is known is kept', { ...hooks, find: "if (request.principal) reply.header('cache-control', 'private, no-store');", replace: '' }),
  claim('16.2.5', 'an address stands in a log', { ...logger, find: "'token', 'email']", replace: "'token']" }),
  claim('16.5.1', 'a bug is told in its own words', { ...problems, find: "detail: 'Something went wrong on our side. The trace id leads us to it.'", replace: 'detail: whyOf(error)' }),
  claim('16.3.1', 'a failed sign-in is not written down', { ...identity, file: 'apps/auth/src/sign-in/sign-ins.ts', find: "this.audit.note('sign-in-failed',", replace: "this.audit.note('consented'," }),
];
