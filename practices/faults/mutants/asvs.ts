import type { Patch } from './patches.ts';

/** What requirements of OWASP's ASVS claim, made false in one place, and the test of docs/security/asvs.csv that has to turn red. */
export interface Claim extends Patch {
  /** Numbers of the requirements. */
  readonly requirements: readonly string[];
  readonly test: string;
}

/** `numbers` are those of the requirements, with a space between them. By name: `npm run fault mutants -- --only "ASVS 3.4"`. */
const claim = (numbers: string, what: string, patch: Omit<Claim, 'name' | 'invariant' | 'requirements'>): Claim => ({
  name: `ASVS ${numbers}: ${what}`,
  invariant: 'security',
  requirements: numbers.split(' '),
  ...patch,
});

const at = (caughtBy: string, test: string) => ({ caughtBy, test });
const http = 'libs/platform/src/http';
const graph = 'apps/gateway/src/graph';
const auth = 'apps/auth/src';

const answers = at(`${http}/browsers.spec.ts`, '%s is not sniffed, not framed, runs nothing of others and is kept by nobody');
const noHttp = at(`${http}/browsers.spec.ts`, 'to what is not even HTTP is guarded, too');
const refused = at(`${http}/refusals.spec.ts`, 'refuses %s, in the one shape');
const bug = at(`${http}/requests.spec.ts`, 'a bug, without a word of it, with its trace');
const asText = at(`${auth}/sign-in/pages.spec.ts`, 'write what somebody typed as text, never as markup');
const ownStyle = at(`${auth}/sign-in/pages.spec.ts`, 'allow their own style and nothing else, and forms to lead to us and to the application');
const tokenRefused = at('libs/platform/src/auth/token-verifier.spec.ts', 'a token is refused');
const forOneService = at('libs/platform/src/auth/token-verifier.spec.ts', 'is taken by it, beside those of the whole shop');
const weak = at(`${auth}/accounts/weak-passwords.spec.ts`, 'a password is too weak');
const recoveryCodes = at(`${auth}/factors/totp.spec.ts`, 'are ten of 80 bits, and the same however they are typed');
const cookies = at(`${auth}/auth.int.spec.ts`, 'gives cookies that only we can make, that scripts cannot read, and that no other site makes a browser send');
const codes = at(`${auth}/auth.int.spec.ts`, 'gives no code without PKCE by S256, and sends nobody to an address it does not know');
const ofServices = at(`${auth}/auth.int.spec.ts`, 'tells a service of its own who somebody is, and nobody else');
const changed = at(`${auth}/identity.int.spec.ts`, 'ends when its password is changed, and so does every other of that person');
const signedOut = at(`${auth}/identity.int.spec.ts`, 'ends with its browser’s session, when its person says so on our page');
const disabled = at(`${auth}/account-page/account.int.spec.ts`, 'is disabled by an admin, at once and for every way in, and enabled again');

const secureHeaders = `${http}/secure-headers.ts`;
const broken = `${http}/broken-request.ts`;
const hooks = `${http}/request-hooks.ts`;
const server = `${http}/server.ts`;
const html = `${auth}/sign-in/html.ts`;
const verifier = 'libs/platform/src/auth/token-verifier.ts';
const passwords = `${auth}/accounts/passwords.ts`;
const logger = 'libs/platform/src/service/logger.ts';
const openId = `${auth}/oidc/open-id.ts`;
const primitives = 'libs/contracts/src/api/primitives.ts';

/** Input and output: chapters 1 to 5. */
const atTheEdge: readonly Claim[] = [
  claim('1.1.1', 'a query that cannot be decoded is passed on', { file: `${http}/malformation.ts`, ...refused, find: "if (!isEncodedUtf8(query)) return new HttpProblem(400, 'malformed-url', 'A query here is UTF-8.');", replace: '' }),
  claim('1.1.2 1.2.1 3.2.2', 'what somebody typed is markup', { file: html, ...asText, find: "replace(/[&<>\"']/g,", replace: 'replace(/[&]/g,' }),
  claim('1.2.2', 'what somebody asked for stands in an address as it is', {
    file: 'apps/gateway/src/answer.ts',
    ...at('apps/gateway/src/gateway.spec.ts', 'are for everybody, and show what the contract says and no more'),
    find: '${asked.toString()}',
    replace: '${decodeURIComponent(asked.toString())}',
  }),
  claim('1.2.9', 'a stranger’s text meets a pattern that can be made to backtrack', {
    file: `${http}/request-target.ts`,
    ...at('tools/regular-expressions.spec.ts', 'cannot be made to backtrack by what a stranger sends'),
    find: 'const ambiguousSegment = /\\/\\.{0,2}(?=\\/|$)/;',
    replace: 'const ambiguousSegment = /(\\/\\.*)+$/;',
  }),
  claim('1.3.2', 'texts are run as code', { file: secureHeaders, ...answers, find: "\"script-src 'self'\",", replace: "\"script-src 'self' 'unsafe-eval'\"," }),
  claim('1.3.3', 'a text has no end', {
    file: primitives,
    ...at('apps/gateway/src/validation.spec.ts', 'has no text without an end'),
    find: 'export const cursor = z.string().max(400).optional();',
    replace: 'export const cursor = z.string().optional();',
  }),
  claim('1.5.2', 'JSON says what the prototype of an object is', { file: server, ...refused, find: "getDefaultJsonParser('error', 'error')", replace: "getDefaultJsonParser('ignore', 'ignore')" }),
  claim('15.3.6', 'a body with a prototype in it is taken', {
    file: server,
    ...at('apps/gateway/src/validation.spec.ts', '%s gives nobody a hand on the prototype of everything'),
    find: "getDefaultJsonParser('error', 'error')",
    replace: "getDefaultJsonParser('remove', 'remove')",
  }),
  claim('2.1.1', 'the documents do not say that a body has no other field', {
    file: 'apps/gateway/src/docs/json-schema.ts',
    ...at('apps/gateway/src/docs/open-api.spec.ts', 'refuse unknown fields at every depth of a body, and promise nothing of the kind for answers'),
    find: "if (io === 'output' && jsonSchema.additionalProperties === false)",
    replace: 'if (jsonSchema.additionalProperties === false)',
  }),
  claim('2.2.1', 'a parameter has no schema', {
    file: 'apps/gateway/src/products.controller.ts',
    ...at('apps/gateway/src/validation.spec.ts', 'is parsed by a schema'),
    find: "get(@Param('id', { schema: id }) product: string",
    replace: "get(@Param('id') product: string",
  }),
  claim('2.2.2', 'a service takes its input as it came', { file: `${http}/validation.pipe.ts`, ...at(`${http}/requests.spec.ts`, 'and reaches the handler as the schema made it'), find: 'return await super.transform(value, metadata);', replace: 'return value;' }),
  claim('16.5.3', 'what a schema refuses goes on all the same', {
    file: `${http}/validation.pipe.ts`,
    ...at(`${http}/requests.spec.ts`, 'and each fault is pointed at: %s'),
    find: 'if (error instanceof Refused) throw validationFailed(error.issues, prefixOf(metadata));',
    replace: 'if (error instanceof Refused) return value;',
  }),
  claim('2.3.3', 'an order that fails does not take back what it did', {
    file: 'apps/orders/src/domain/saga.ts',
    ...at('apps/orders/src/domain/saga.spec.ts', 'after %s asks for %j'),
    find: "cancelled: ['release-stock', 'void-payment'],",
    replace: "cancelled: ['release-stock'],",
  }),
  claim('2.3.2 2.4.1', 'nobody who asks too often is refused', {
    file: 'libs/platform/src/limits/limit-requests.ts',
    ...at('apps/gateway/src/limits/edge-limits.spec.ts', 'tell what is left, and refuse what is too much as a problem that says when to come again'),
    find: 'if (!allowed) throw refusal(',
    replace: 'if (Date.now() === 0) throw refusal(',
  }),
  claim('3.2.1', 'what an answer is may be guessed', { file: hooks, ...answers, find: "    reply.header('x-content-type-options', 'nosniff');\n", replace: '' }),
  claim('3.3.1', 'a page without TLS sets a cookie in our place', { file: `${auth}/sign-in/cookies.ts`, ...cookies, find: '(secure ? `__Secure-${name}` : name)', replace: '(secure ? name : name)' }),
  claim('3.3.2', 'other sites make a browser send its cookies', { file: openId, ...cookies, find: "short: { httpOnly: true, sameSite: 'lax' }", replace: "short: { httpOnly: true, sameSite: 'none' }" }),
  claim('3.3.4', 'scripts read cookies', { file: openId, ...cookies, find: "short: { httpOnly: true, sameSite: 'lax' }", replace: "short: { httpOnly: false, sameSite: 'lax' }" }),
  claim('3.4.1', 'browsers may come without TLS', {
    file: 'k8s/components/istio/routing.yaml',
    ...at('infra/kubernetes/manifests.spec.ts', 'promises where TLS ends that browsers need no other way (HSTS)'),
    find: "'max-age=63072000; includeSubDomains'",
    replace: "'max-age=0'",
  }),
  claim('3.4.2', 'any origin may call', {
    file: `${http}/cors.ts`,
    ...at(`${http}/browsers.spec.ts`, 'may call nothing unless it is listed: no header lets its browser read the answer'),
    find: 'origin !== undefined && this.#origins.has(origin)',
    replace: 'origin !== undefined',
  }),
  claim('3.4.3', 'scripts of others run', { file: secureHeaders, ...answers, find: "\"script-src 'self'\",", replace: "\"script-src 'self' https:\"," }),
  claim('3.4.3', 'plug-ins run', { file: secureHeaders, ...answers, find: "\"object-src 'none'\",", replace: '"object-src https:",' }),
  claim('3.4.3', 'a sign-in page takes any style', { file: html, ...ownStyle, find: "style-src 'sha256-${styleHash}'", replace: "style-src 'unsafe-inline'" }),
  claim('3.4.4', 'what is no HTTP is answered without a guard', { file: broken, ...noHttp, find: "  'x-content-type-options': 'nosniff',\n", replace: '' }),
  claim('3.4.5', 'addresses of ours are told to others', { file: secureHeaders, ...answers, find: "  'referrer-policy': 'no-referrer',\n", replace: '' }),
  claim('3.4.5', 'addresses of ours are told to others by what no route answers', { file: broken, ...answers, find: "  'referrer-policy': 'no-referrer',\n", replace: '' }),
  claim('3.4.6', 'anybody may frame an answer', { file: secureHeaders, ...answers, find: "\"frame-ancestors 'self'\",", replace: '"frame-ancestors *",' }),
  claim('3.4.6', 'anybody may frame a sign-in page', { file: html, ...ownStyle, find: "; frame-ancestors 'none'`", replace: '`' }),
  claim('3.5.1', 'the graph is read by forms of other sites', {
    file: `${graph}/graph.controller.ts`,
    ...at(`${graph}/over-http.spec.ts`, 'is not taken from a page of another site, which can send no header of its own'),
    find: 'if (!preflighted.some((name) => request.headers[name] !== undefined)) {',
    replace: 'if (preflighted.length === 0) {',
  }),
  claim('3.5.1', 'a form is taken from anybody', {
    file: `${auth}/sign-in/form-token.ts`,
    ...at(`${auth}/auth.int.spec.ts`, 'takes a form only from its own page, and only from whoever it gave it to'),
    find: 'given.length === expected.length && timingSafeEqual(given, expected)',
    replace: 'given.length > 0 || timingSafeEqual(given, expected)',
  }),
  claim('3.5.2', 'a body is taken in a language that any page may send', {
    file: server,
    ...at(`${graph}/over-http.spec.ts`, 'is not taken as %s, which any page may send'),
    find: "  fastify.removeContentTypeParser('text/plain');\n",
    replace: '',
  }),
  claim('3.5.3', 'a GET changes something', { file: `${graph}/graph.ts`, ...at(`${graph}/over-http.spec.ts`, 'changes nothing'), find: "if (readOnly && operation !== 'query')", replace: "if (readOnly && operation === 'subscription')" }),
  claim('3.7.1', 'a sign-in page loads what it likes', { file: html, ...ownStyle, find: "`default-src 'none'; style-src", replace: '`default-src *; style-src' }),
  claim('4.1.1', 'a problem does not say what it is', { file: `${http}/problem.filter.ts`, ...refused, find: ".type('application/problem+json')", replace: ".type('text/plain')" }),
  claim('4.1.3 15.3.4', 'anybody says where a request comes from', {
    file: server,
    ...at('apps/gateway/src/limits/edge-limits.spec.ts', 'believe no header about where a request comes from, unless a proxy is named'),
    find: 'trustProxy: settings.TRUST_PROXY.length > 0 ? settings.TRUST_PROXY : false,',
    replace: 'trustProxy: true,',
  }),
  claim('4.2.1', 'what is about one connection is passed on to another', {
    file: 'apps/gateway/src/oidc/oidc-proxy.ts',
    ...at('apps/gateway/src/oidc/oidc-proxy.spec.ts', 'keeps what is about one connection to that connection'),
    find: 'new Set([...hopByHop, ...named, ...without])',
    replace: 'new Set(without)',
  }),
  claim('4.4.2', 'pages of any site open a socket', {
    file: `${graph}/subscriptions/sockets.ts`,
    ...at(`${graph}/subscriptions/sockets.spec.ts`, 'is opened for pages of our own site and of those that may call us, not of others'),
    find: 'this.config.CORS_ORIGINS.includes(origin)',
    replace: "origin.startsWith('http')",
  }),
  claim('4.4.3', 'a socket outlives its token', {
    file: `${graph}/subscriptions/protocol.ts`,
    ...at(`${graph}/subscriptions/sockets.spec.ts`, 'ends with its token, so that its client comes again with another'),
    find: '      endWith(token, socket);\n',
    replace: '',
  }),
];

/** Who somebody is: chapters 6, 7, 9 and 10. */
const identity: readonly Claim[] = [
  claim('6.2.1', 'a password of one character is long enough', {
    file: 'libs/contracts/src/api/accounts.ts',
    ...at(`${auth}/auth.int.spec.ts`, 'registers a customer once, by page and by API'),
    find: 'password: z.string().min(12)',
    replace: 'password: z.string().min(1)',
  }),
  claim('6.2.2', 'a password cannot be changed', { file: `${auth}/accounts/accounts.ts`, ...changed, find: "await tx.query('UPDATE accounts SET password_hash = $2 WHERE id = $1', [id, hash]);", replace: '' }),
  claim('6.2.3 7.5.1', 'whoever knows an address changes its password', {
    file: `${auth}/password/password.controller.ts`,
    ...changed,
    find: 'const identity = await this.signIns.check(email, password, { request, reply });',
    replace: 'const identity = await this.accounts.withAddress(email);',
  }),
  claim('6.2.4 6.2.12', 'a password that many people have is taken', { file: `${auth}/accounts/weak-passwords.ts`, ...weak, find: 'return common.has(text) || common.has(coreOf(text)) ?', replace: 'return common.size === 0 ?' }),
  claim('6.2.7', 'a password manager is kept out', { file: `${auth}/sign-in/pages.ts`, ...at(`${auth}/sign-in/pages.spec.ts`, 'name each field, and tie what is wrong with it to it'), find: 'autocomplete="${autocomplete}"', replace: 'autocomplete="off"' }),
  claim('6.2.8', 'a password typed on another keyboard is another', {
    file: passwords,
    ...at(`${auth}/accounts/passwords.spec.ts`, 'match themselves only, however their characters were composed'),
    find: "=> password.normalize('NFKC')",
    replace: '=> password',
  }),
  claim('6.2.11', 'a password is its owner’s address', { file: `${auth}/accounts/weak-passwords.ts`, ...weak, find: 'if (isMostlyContext(text, owner)) return', replace: 'if (isMostlyContext("", owner)) return' }),
  claim('6.3.1', 'strangers guess ten times as often', {
    file: `${auth}/sign-in/guess-limits.ts`,
    ...at(`${auth}/sign-in/guess-limits.int.spec.ts`, 'are a hundred in an hour at most, seventy from everywhere and thirty by known browsers, however many addresses and cookies there are'),
    find: "name: 'strangers', burst: 35,",
    replace: "name: 'strangers', burst: 350,",
  }),
  claim('6.4.1', 'a mailed link works for ever', {
    file: `${auth}/mailbox/mail-requests.ts`,
    ...at(`${auth}/mailbox.int.spec.ts`, 'is not proven by a link that is too old, was made up, or is for something else'),
    find: 'AND r.used_at IS NULL AND r.expires_at > now() AND a.disabled_at IS NULL',
    replace: 'AND r.used_at IS NULL AND a.disabled_at IS NULL',
  }),
  claim('6.4.3', 'a forgotten password stays what it was', {
    file: `${auth}/accounts/accounts.ts`,
    ...at(`${auth}/mailbox.int.spec.ts`, 'is set anew by whoever has the mailbox, and every sign-in ends'),
    find: "await tx.query('UPDATE accounts SET password_hash = $2 WHERE id = $1', [id, hash]);",
    replace: '',
  }),
  claim('6.5.1', 'a code is taken twice', {
    file: `${auth}/factors/factors.ts`,
    ...at(`${auth}/factors/factors.int.spec.ts`, 'takes each code once, of however many that come at once'),
    find: 'WHERE account = $1 AND last_step < $2 RETURNING 1',
    replace: 'WHERE account = $1 AND last_step < $2 + 999 RETURNING 1',
  }),
  claim('6.5.2 6.5.4', 'recovery codes have half as many bits', { file: `${auth}/factors/totp.ts`, ...recoveryCodes, find: 'new Secret({ size: 10 })', replace: 'new Secret({ size: 5 })' }),
  claim('6.5.5', 'a code is good for five minutes', { file: `${auth}/factors/totp.ts`, ...at(`${auth}/factors/totp.spec.ts`, 'are good one step early and late, and no longer'), find: 'const window = 1;', replace: 'const window = 10;' }),
  claim('6.8.2', 'a token of another issuer is taken', { file: verifier, ...tokenRefused, find: '        issuer: this.issuer,\n', replace: '' }),
  claim('7.1.1', 'a session lasts longer than its page says', { file: openId, ...at('tools/lifetimes.spec.ts', 'sign-ins last as long as their page says'), find: 'Session: 60 * minutes,', replace: 'Session: 600 * minutes,' }),
  claim('7.2.1 9.1.1', 'a token is believed unseen', {
    file: verifier,
    ...tokenRefused,
    find: 'const { payload } = await jwtVerify(token, this.#keys, {',
    replace: "const { payload } = await (async (given: string, ..._rest: unknown[]) => ({ payload: JSON.parse(Buffer.from(given.split('.')[1] ?? '', 'base64url').toString()) as JWTPayload }))(token, this.#keys, {",
  }),
  claim('7.2.2', 'a token says nothing of its session', {
    file: openId,
    ...at(`${auth}/auth.int.spec.ts`, 'signs a customer in, with tokens that the published keys verify'),
    find: "accessTokenFormat: 'jwt',",
    replace: "accessTokenFormat: 'opaque',",
  }),
  claim('7.4.1 7.6.1', 'a sign-out leaves the refresh tokens of its session', { file: `${auth}/oidc/sign-out.ts`, ...signedOut, find: "if (!params?.['logout']) return shown", replace: 'if (params) return shown' }),
  claim('10.6.2', 'nobody is asked before they are signed out', { file: openId, ...signedOut, find: '  signOutPage(ctx, form);\n', replace: '  ctx.body = form;\n' }),
  claim('7.4.2 7.4.5', 'a disabled account goes on refreshing its tokens', {
    file: `${auth}/accounts/accounts.ts`,
    ...disabled,
    find: 'if (disabled) await endSignIns(tx, id);',
    replace: "if (disabled) await tx.query('UPDATE accounts SET disabled_at = NULL WHERE id = $1', [id]);",
  }),
  claim('7.4.3', 'a new password leaves other sign-ins', { file: `${auth}/accounts/accounts.ts`, ...changed, find: 'const version = await endSignIns(tx, id);', replace: 'const version = 1;' }),
  claim('7.5.2', 'a sign-in that is ended by its person goes on', {
    file: `${auth}/account-page/sign-ins-of.ts`,
    ...at(`${auth}/account-page/account.int.spec.ts`, 'lists the sign-ins of its person and ends one of them, and no other'),
    find: 'const clients = await endSession(this.database, session);',
    replace: 'const clients = [session];',
  }),
  claim('7.6.2', 'a program on somebody’s machine signs them in by itself', {
    file: openId,
    ...at(`${auth}/auth.int.spec.ts`, 'asks a person to sign in every time a program on their machine wants a code, also when it asks for consent'),
    find: "oidc.client?.applicationType === 'native' && !oidc.result?.login ?",
    replace: "oidc.client?.applicationType === 'machine' && !oidc.result?.login ?",
  }),
  claim('9.2.1', 'a token lives on after its end', { file: verifier, ...tokenRefused, find: 'clockTolerance: this.#leeway', replace: 'clockTolerance: 1e9' }),
  claim('9.2.2', 'a token of another kind is taken', { file: verifier, ...tokenRefused, find: "        typ: 'at+jwt',\n", replace: '' }),
  claim('9.2.3 10.3.1', 'a token for another audience is taken', { file: verifier, ...forOneService, find: '        audience: this.#audiences,\n', replace: '' }),
  claim('10.1.1', 'a token goes to services that are not asked for it', {
    file: 'apps/gateway/src/products.controller.ts',
    ...at('apps/gateway/src/gateway.spec.ts', 'are asked for in nobody’s name, whatever the client sends of itself: what is kept of them is nobody’s'),
    find: 'this.catalog.request({ method: \'GET\', path: `/products/${product}`, schema: productView })',
    replace: 'this.catalog.request({ method: \'GET\', path: `/products/${product}`, schema: productView, token: String(reply.request.headers.authorization).slice(7) })',
  }),
  claim('10.2.1 10.4.6', 'a code is given without PKCE', { file: openId, ...codes, find: 'pkce: { required: () => true },', replace: 'pkce: { required: () => false },' }),
  claim('3.7.2 10.4.1', 'people are sent to an address of a stranger', {
    file: `${auth}/oidc/clients.ts`,
    ...codes,
    find: "redirect_uris: ['http://127.0.0.1/callback'],",
    replace: "redirect_uris: ['http://127.0.0.1/callback', 'https://evil.example/callback'],",
  }),
  claim('10.4.2', 'a code that is used again ends nothing', {
    file: `${auth}/oidc/artifact-store.ts`,
    ...at(`${auth}/auth.int.spec.ts`, 'takes a code once; used again, it ends the sign-in it began'),
    find: 'DELETE FROM oidc_artifacts WHERE model = $1 AND grant_id = $2',
    replace: 'DELETE FROM oidc_artifacts WHERE model = $1 AND grant_id = $2 AND false',
  }),
  claim('10.4.5', 'a refresh token works for ever', {
    file: openId,
    ...at(`${auth}/auth.int.spec.ts`, 'rotates refresh tokens: the new one works, the old one is refused, and a late reuse ends the whole sign-in'),
    find: 'rotateRefreshToken: true,',
    replace: 'rotateRefreshToken: false,',
  }),
  claim('10.4.10', 'a program asks after the tokens of another', {
    file: openId,
    ...at(`${auth}/identity.int.spec.ts`, 'is no business of another program'),
    find: 'introspection: { enabled: true, allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId },',
    replace: 'introspection: { enabled: true, allowedPolicy: () => true },',
  }),
  claim('10.4.11', 'a service gets a scope that it is not meant to have', { file: `${auth}/oidc/clients.ts`, ...ofServices, find: "scope: 'accounts:read mails:send',", replace: "scope: 'accounts:read mails:send orders:write'," }),
  claim('10.7.1', 'a program gets what its person refused', {
    file: `${auth}/sign-in/sign-in.controller.ts`,
    ...at(`${auth}/identity.int.spec.ts`, 'gets nothing that its person does not allow'),
    find: "if (answer !== 'allow') {",
    replace: "if (answer === 'never') {",
  }),
  claim('10.7.3', 'what a program may cannot be taken back', {
    file: `${auth}/account-page/sign-ins-of.ts`,
    ...at(`${auth}/account-page/account.int.spec.ts`, 'shows what programs of others may do, and takes it back'),
    find: 'const ended = await endFamilies(this.database, { account, client });',
    replace: 'const ended = 1;',
  }),
  claim('11.4.2', 'passwords are hashed in one pass', { file: passwords, ...at(`${auth}/accounts/passwords.spec.ts`, 'are kept as argon2id of 19 MiB and two passes, each with its own salt'), find: 'timeCost: 2', replace: 'timeCost: 1' }),
];

/** What is kept, shown and told: chapters 8 and 13 to 16. */
const inside: readonly Claim[] = [
  claim('8.2.2', 'an order is read by anybody', {
    file: 'apps/orders/src/orders.ts',
    ...at('apps/orders/src/orders.int.spec.ts', 'is read as it was written, by its customer only'),
    find: 'anybodys: servesCustomers }',
    replace: 'anybodys: true }',
  }),
  claim('8.2.3 15.3.1', 'an answer shows fields that it is not meant to have', {
    file: 'libs/contracts/src/api/products.ts',
    ...at('apps/gateway/src/validation.spec.ts', 'has a shape that leaves out what it does not know'),
    find: "currency, available: z.int().min(0) })\n  .meta({ id: 'Product' });",
    replace: "currency, available: z.int().min(0) })\n  .loose()\n  .meta({ id: 'Product' });",
  }),
  claim('13.4.1', 'an image holds what its program does not reach', {
    file: 'tools/images/reached.ts',
    ...at('tools/images/images.spec.ts', 'hold of the tree what their program reaches: no spec, no other service'),
    find: 'const queue = [...entries];',
    replace: "const queue = [...entries, 'libs/platform/src/service/tiny.fixture.ts'];",
  }),
  claim('13.4.2 16.5.1', 'a bug is told in its own words', {
    file: `${http}/problem-of.ts`,
    ...bug,
    find: "detail: 'Something went wrong on our side. The trace id leads us to it.'",
    replace: 'detail: whyOf(error)',
  }),
  claim('13.4.4', 'TRACE is let in', { file: hooks, ...refused, find: 'if (target.route === undefined) return done(refusal(target, paths));', replace: "if (target.route === undefined && request.method !== 'TRACE') return done(refusal(target, paths));" }),
  claim('14.2.2', 'what knows its user is kept for others', {
    file: 'apps/gateway/src/responses/response-cache.ts',
    ...at('apps/gateway/src/responses/response-cache.spec.ts', 'cannot be asked for through it: a route that knows its user is refused'),
    find: 'if (reply.request.principal) throw new Error(',
    replace: 'if (reply.request.principal === null) throw new Error(',
  }),
  claim('14.3.2', 'an answer to somebody who is known is kept', {
    file: hooks,
    ...at(`${http}/browsers.spec.ts`, 'who is known is private, and kept by nobody'),
    find: "if (request.principal) reply.header('cache-control', 'private, no-store');",
    replace: '',
  }),
  claim('15.1.2', 'a bill of materials is not what the lockfile says', {
    file: 'tools/images/bill.ts',
    ...at('tools/images/images.spec.ts', 'have of each package what npm itself reads in the lockfile: its version, its address and its hash'),
    find: "Buffer.from(digest, 'base64').toString('hex')",
    replace: 'digest',
  }),
  claim('15.2.2', 'a service takes more than it can do', {
    file: hooks,
    ...at(`${http}/overload.spec.ts`, 'turns requests away with a problem that says when to come again, but never questions about health'),
    find: 'if (!isHealth(target.route) && options.overloaded() !== undefined) return turnAway(reply);',
    replace: '',
  }),
  claim('15.3.3', 'a body has fields that no schema knows', {
    file: 'apps/gateway/src/strict.ts',
    ...at('apps/gateway/src/validation.spec.ts', '%s takes no field beside it, however it is called'),
    find: 'catchall: z.never()',
    replace: 'catchall: z.any()',
  }),
  claim('15.3.7', 'of a parameter that comes twice the first counts', {
    file: primitives,
    ...at('apps/gateway/src/validation.spec.ts', 'a query has no field that is not in it, and none twice'),
    find: "z.preprocess((text) => (typeof text === 'string' && /^\\d{1,15}$/.test(text) ? Number(text) : text), number);",
    replace: 'z.preprocess((text) => (text === undefined ? text : Number([text].flat()[0])), number);',
  }),
  claim('16.2.1', 'a line does not say which instance wrote it', { file: logger, ...at('libs/platform/src/service/logger.spec.ts', 'writes one JSON line with service, instance and time'), find: 'base: { service, instance: settings.INSTANCE },', replace: 'base: { service },' }),
  claim('16.2.3', 'something is written beside the log', {
    file: `${auth}/sign-in/sign-ins.ts`,
    ...at(`${auth}/auth.int.spec.ts`, 'prints nothing but its own log, and no secret in it'),
    find: '    await right();\n',
    replace: "    await right();\n    console.log('signed in');\n",
  }),
  claim('16.2.4', 'a line does not say which trace it belongs to', { file: logger, ...at('libs/platform/src/service/logger.spec.ts', 'carries the id of the trace it belongs to'), find: 'mixin: traceOf, ', replace: '' }),
  claim('16.2.5', 'an address stands in a log', { file: logger, ...at('libs/platform/src/service/logger.spec.ts', 'strikes out secrets and addresses wherever they are'), find: "'token', 'email']", replace: "'token']" }),
  claim('16.3.1', 'a failed sign-in is not written down', {
    file: `${auth}/sign-in/sign-ins.ts`,
    ...at(`${auth}/identity.int.spec.ts`, 'has every sign-in, each failed one and each sign-out: when, from where and by which program'),
    find: "this.audit.note('sign-in-failed',",
    replace: "this.audit.note('consented',",
  }),
  claim('16.3.4', 'a bug is nowhere to be read', { file: `${http}/problem.filter.ts`, ...at(`${http}/problem.filter.spec.ts`, 'a bug is logged, with its stack'), find: "if (problem.code === 'internal-error') this.logger.error(", replace: "if (problem.code === 'bug') this.logger.error(" }),
  claim('16.5.2', 'what is behind the gateway takes it along', {
    file: 'apps/gateway/src/responses/response-cache.ts',
    ...at('apps/gateway/src/responses/response-cache.spec.ts', 'is still shown, with its age, while catalog is away'),
    find: 'errorMs: 300_000,',
    replace: 'errorMs: 0,',
  }),
];

export const asvsClaims: readonly Claim[] = [...atTheEdge, ...identity, ...inside];
