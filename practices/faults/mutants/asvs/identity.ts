import { at, claim, type Claim } from './claim.ts';

const auth = 'apps/auth/src';
const tokenRefused = at('libs/platform/src/auth/token-verifier.spec.ts', 'a token is refused');
const forOneService = at(
  'libs/platform/src/auth/token-verifier.spec.ts',
  'is taken by it, beside those of the whole shop',
);
const weak = at(`${auth}/accounts/weak-passwords.spec.ts`, 'a password is too weak');
const recoveryCodes = at(`${auth}/factors/totp.spec.ts`, 'are ten of 80 bits, and the same however they are typed');
const codes = at(
  `${auth}/auth.int.spec.ts`,
  'gives no code without PKCE by S256, and sends nobody to an address it does not know',
);
const ofServices = at(`${auth}/auth.int.spec.ts`, 'tells a service of its own who somebody is, and nobody else');
const changed = at(
  `${auth}/identity.int.spec.ts`,
  'ends when its password is changed, and so does every other of that person',
);
const signedOut = at(
  `${auth}/identity.int.spec.ts`,
  'ends with its browser’s session, when its person says so on our page',
);
const disabled = at(
  `${auth}/account-page/account.int.spec.ts`,
  'is disabled by an admin, at once and for every way in, and enabled again',
);
const verifier = 'libs/platform/src/auth/token-verifier.ts';
const passwords = `${auth}/accounts/passwords.ts`;
const openId = `${auth}/oidc/open-id.ts`;

/** Who somebody is: chapters 6, 7, 9 and 10. */
export const identityClaims: readonly Claim[] = [
  claim('6.2.1', 'a password of one character is long enough', {
    file: 'libs/contracts/src/api/accounts.ts',
    ...at(`${auth}/auth.int.spec.ts`, 'registers a customer once, by page and by API'),
    find: 'password: z.string().min(12)',
    replace: 'password: z.string().min(1)',
  }),
  claim('6.2.2', 'a password cannot be changed', {
    file: `${auth}/accounts/accounts.ts`,
    ...changed,
    find: "await tx.query('UPDATE accounts SET password_hash = $2 WHERE id = $1', [id, hash]);",
    replace: '',
  }),
  claim('6.2.3 7.5.1', 'whoever knows an address changes its password', {
    file: `${auth}/password/password.controller.ts`,
    ...changed,
    find: 'const identity = await this.signIns.check(email, password, { request });',
    replace: 'const identity = await this.accounts.withAddress(email);',
  }),
  claim('6.2.4 6.2.12', 'a password that many people have is taken', {
    file: `${auth}/accounts/weak-passwords.ts`,
    ...weak,
    find: 'return common.has(text) || common.has(coreOf(text)) ?',
    replace: 'return common.size === 0 ?',
  }),
  claim('6.2.7', 'a password manager is kept out', {
    file: `${auth}/sign-in/pages.ts`,
    ...at(`${auth}/sign-in/pages.spec.ts`, 'name each field, and tie what is wrong with it to it'),
    find: 'autocomplete="${autocomplete}"',
    replace: 'autocomplete="off"',
  }),
  claim('6.2.8', 'a password typed on another keyboard is another', {
    file: passwords,
    ...at(`${auth}/accounts/passwords.spec.ts`, 'match themselves only, however their characters were composed'),
    find: "=> password.normalize('NFKC')",
    replace: '=> password',
  }),
  claim('6.2.11', 'a password is its owner’s address', {
    file: `${auth}/accounts/weak-passwords.ts`,
    ...weak,
    find: 'if (isMostlyContext(text, owner)) return',
    replace: 'if (isMostlyContext("", owner)) return',
  }),
  claim('6.3.1', 'strangers guess ten times as often', {
    file: `${auth}/sign-in/guess-limits.ts`,
    ...at(
      `${auth}/sign-in/guess-limits.int.spec.ts`,
      'are a hundred in an hour at most, seventy from everywhere and thirty by known browsers, however many addresses and cookies there are',
    ),
    find: "name: 'strangers', burst: 35,",
    replace: "name: 'strangers', burst: 350,",
  }),
  claim('6.3.2', 'production takes demo accounts', {
    file: 'libs/platform/src/config/production.ts',
    ...at('libs/platform/src/config/production.spec.ts', 'refuses %s, which is fine elsewhere, and does not show it'),
    find: "if (given['SEED_DEMO'] !== undefined && ",
    replace: "if (given['SEED_DEMO'] === undefined && ",
  }),
  claim('6.4.1', 'a mailed link works for ever', {
    file: `${auth}/mailbox/mail-requests.ts`,
    ...at(
      `${auth}/mailbox.int.spec.ts`,
      'is not proven by a link that is too old, was made up, or is for something else',
    ),
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
  claim('6.5.2 6.5.4', 'recovery codes have half as many bits', {
    file: `${auth}/factors/totp.ts`,
    ...recoveryCodes,
    find: 'new Secret({ size: 10 })',
    replace: 'new Secret({ size: 5 })',
  }),
  claim('6.5.5', 'a code is good for five minutes', {
    file: `${auth}/factors/totp.ts`,
    ...at(`${auth}/factors/totp.spec.ts`, 'are good one step early and late, and no longer'),
    find: 'const window = 1;',
    replace: 'const window = 10;',
  }),
  claim('6.8.2', 'a token of another issuer is taken', {
    file: verifier,
    ...tokenRefused,
    find: '        issuer: this.issuer,\n',
    replace: '',
  }),
  claim('7.1.1', 'a session lasts longer than its page says', {
    file: openId,
    ...at('tools/lifetimes.spec.ts', 'sign-ins last as long as their page says'),
    find: 'Session: 60 * minutes,',
    replace: 'Session: 600 * minutes,',
  }),
  claim('7.2.1 9.1.1', 'a token is believed unseen', {
    file: verifier,
    ...tokenRefused,
    find: 'const { payload } = await jwtVerify(token, this.#keys, {',
    replace:
      "const { payload } = await (async (given: string, ..._rest: unknown[]) => ({ payload: JSON.parse(Buffer.from(given.split('.')[1] ?? '', 'base64url').toString()) as JWTPayload }))(token, this.#keys, {",
  }),
  claim('7.2.2', 'a token says nothing of its session', {
    file: openId,
    ...at(`${auth}/auth.int.spec.ts`, 'signs a customer in, with tokens that the published keys verify'),
    find: "accessTokenFormat: 'jwt',",
    replace: "accessTokenFormat: 'opaque',",
  }),
  claim('7.4.1 7.6.1', 'a sign-out leaves the refresh tokens of its session', {
    file: `${auth}/oidc/sign-out.ts`,
    ...signedOut,
    find: "if (!params?.['logout']) return shown",
    replace: 'if (params) return shown',
  }),
  claim('10.6.2', 'nobody is asked before they are signed out', {
    file: openId,
    ...signedOut,
    find: '  signOutPage(ctx, form);\n',
    replace: '  ctx.body = form;\n',
  }),
  claim('7.4.2 7.4.5', 'a disabled account goes on refreshing its tokens', {
    file: `${auth}/accounts/accounts.ts`,
    ...disabled,
    find: 'if (disabled) await endSignIns(tx, id);',
    replace: "if (disabled) await tx.query('UPDATE accounts SET disabled_at = NULL WHERE id = $1', [id]);",
  }),
  claim('7.4.3', 'a new password leaves other sign-ins', {
    file: `${auth}/accounts/accounts.ts`,
    ...changed,
    find: 'const version = await endSignIns(tx, id);',
    replace: 'const version = 1;',
  }),
  claim('7.5.2 10.4.9', 'a sign-in that is ended by its person goes on', {
    file: `${auth}/account-page/sign-ins-of.ts`,
    ...at(
      `${auth}/account-page/account.int.spec.ts`,
      'lists the sign-ins of its person and ends one of them, and no other',
    ),
    find: 'const clients = await endSession(this.database, session);',
    replace: 'const clients = [session];',
  }),
  claim('7.6.2', 'a program on somebody’s machine signs them in by itself', {
    file: openId,
    ...at(
      `${auth}/auth.int.spec.ts`,
      'asks a person to sign in every time a program on their machine wants a code, also when it asks for consent',
    ),
    find: "oidc.client?.applicationType === 'native' && !oidc.result?.login ?",
    replace: "oidc.client?.applicationType === 'machine' && !oidc.result?.login ?",
  }),
  claim('9.2.1', 'a token lives on after its end', {
    file: verifier,
    ...tokenRefused,
    find: 'clockTolerance: this.#leeway',
    replace: 'clockTolerance: 1e9',
  }),
  claim('9.2.2', 'a token of another kind is taken', {
    file: verifier,
    ...tokenRefused,
    find: "        typ: 'at+jwt',\n",
    replace: '',
  }),
  claim('9.2.3 10.3.1', 'a token for another audience is taken', {
    file: verifier,
    ...forOneService,
    find: '        audience: this.#audiences,\n',
    replace: '',
  }),
  claim('10.1.1', 'a token goes to services that are not asked for it', {
    file: 'apps/gateway/src/products.controller.ts',
    ...at(
      'apps/gateway/src/gateway.spec.ts',
      'are asked for in nobody’s name, whatever the client sends of itself: what is kept of them is nobody’s',
    ),
    find: "this.catalog.request({ method: 'GET', path: `/products/${product}`, schema: productView })",
    replace:
      "this.catalog.request({ method: 'GET', path: `/products/${product}`, schema: productView, token: String(reply.request.headers.authorization).slice(7) })",
  }),
  claim('10.2.1 10.4.6', 'a code is given without PKCE', {
    file: openId,
    ...codes,
    find: 'pkce: { required: () => true },',
    replace: 'pkce: { required: () => false },',
  }),
  claim('3.7.2 10.4.1', 'people are sent to an address of a stranger', {
    file: `${auth}/oidc/clients.ts`,
    ...codes,
    find: "redirect_uris: ['http://127.0.0.1/callback'],",
    replace: "redirect_uris: ['http://127.0.0.1/callback', 'https://evil.example/callback'],",
  }),
  claim('10.4.2', 'a code that is used again ends nothing', {
    file: `${auth}/oidc/artifact-store.ts`,
    ...at(`${auth}/auth.int.spec.ts`, 'takes a code once; used again, it ends the sign-in it began'),
    find: 'return { ...found.payload, jti: id, ...(found.consumed !== null && { consumed: found.consumed }) };',
    replace: 'return { ...found.payload, jti: id };',
  }),
  claim('10.4.5', 'a refresh token works for ever', {
    file: openId,
    ...at(
      `${auth}/auth.int.spec.ts`,
      'rotates refresh tokens: the new one works, the old one is refused, and a late reuse ends the whole sign-in',
    ),
    find: 'rotateRefreshToken: true,',
    replace: 'rotateRefreshToken: false,',
  }),
  claim('10.4.10', 'a program asks after the tokens of another', {
    file: openId,
    ...at(`${auth}/identity.int.spec.ts`, 'is no business of another program'),
    find: 'introspection: { enabled: true, allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId },',
    replace: 'introspection: { enabled: true, allowedPolicy: () => true },',
  }),
  claim('10.4.11', 'a service gets a scope that it is not meant to have', {
    file: `${auth}/oidc/clients.ts`,
    ...ofServices,
    find: "scope: 'accounts:read mails:send',",
    replace: "scope: 'accounts:read mails:send orders:write',",
  }),
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
  claim('11.1.2', 'a key is in no inventory', {
    file: 'docs/security/inventory.md',
    ...at('tools/inventory.spec.ts', 'every key, secret and certificate that a service reads is in the inventory'),
    find: '`PROVIDER_KEY`',
    replace: 'a key',
  }),
  claim('11.4.2', 'passwords are hashed in one pass', {
    file: passwords,
    ...at(
      `${auth}/accounts/passwords.spec.ts`,
      'are kept as argon2id of 19 MiB and two passes, each with its own salt',
    ),
    find: 'timeCost: 2',
    replace: 'timeCost: 1',
  }),
];
