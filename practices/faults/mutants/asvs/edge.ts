import { at, claim, type Claim } from './claim.ts';

const http = 'libs/platform/src/http';
const graph = 'apps/gateway/src/graph';
const auth = 'apps/auth/src';
const answers = at(
  `${http}/browsers.spec.ts`,
  '%s is not sniffed, not framed, runs nothing of others and is kept by nobody',
);
const noHttp = at(`${http}/browsers.spec.ts`, 'to what is not even HTTP is guarded, too');
const refused = at(`${http}/refusals.spec.ts`, 'refuses %s, in the one shape');
const asText = at(`${auth}/sign-in/pages.spec.ts`, 'write what somebody typed as text, never as markup');
const ownStyle = at(
  `${auth}/sign-in/pages.spec.ts`,
  'allow their own style and nothing else, and forms to lead to us and to the application',
);
const cookies = at(
  `${auth}/auth.int.spec.ts`,
  'gives cookies that only we can make, that scripts cannot read, and that no other site makes a browser send',
);
const secureHeaders = `${http}/secure-headers.ts`;
const broken = `${http}/broken-request.ts`;
const hooks = `${http}/request-hooks.ts`;
const server = `${http}/server.ts`;
const html = `${auth}/sign-in/html.ts`;
const openId = `${auth}/oidc/open-id.ts`;
const primitives = 'libs/contracts/src/api/primitives.ts';

/** Input and output: chapters 1 to 5. */
export const edgeClaims: readonly Claim[] = [
  claim('1.1.1', 'a query that cannot be decoded is passed on', {
    file: `${http}/malformation.ts`,
    ...refused,
    find: "if (!isEncodedUtf8(query)) return new HttpProblem(400, 'malformed-url', 'A query here is UTF-8.');",
    replace: '',
  }),
  claim('1.1.2 1.2.1 3.2.2', 'what somebody typed is markup', {
    file: html,
    ...asText,
    find: 'replace(/[&<>"\']/g,',
    replace: 'replace(/[&]/g,',
  }),
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
  claim('1.3.2', 'texts are run as code', {
    file: secureHeaders,
    ...answers,
    find: '"script-src \'self\'",',
    replace: "\"script-src 'self' 'unsafe-eval'\",",
  }),
  claim('1.3.3', 'a text has no end', {
    file: primitives,
    ...at('apps/gateway/src/validation.spec.ts', 'has no text without an end'),
    find: 'export const cursor = z.string().max(400).optional();',
    replace: 'export const cursor = z.string().optional();',
  }),
  claim('1.5.2', 'JSON says what the prototype of an object is', {
    file: server,
    ...refused,
    find: "getDefaultJsonParser('error', 'error')",
    replace: "getDefaultJsonParser('ignore', 'ignore')",
  }),
  claim('15.3.6', 'a body with a prototype in it is taken', {
    file: server,
    ...at('apps/gateway/src/validation.spec.ts', '%s gives nobody a hand on the prototype of everything'),
    find: "getDefaultJsonParser('error', 'error')",
    replace: "getDefaultJsonParser('remove', 'remove')",
  }),
  claim('2.1.1', 'the documents do not say that a body has no other field', {
    file: 'apps/gateway/src/docs/json-schema.ts',
    ...at(
      'apps/gateway/src/docs/open-api.spec.ts',
      'refuse unknown fields at every depth of a body, and promise nothing of the kind for answers',
    ),
    find: "if (io === 'output' && jsonSchema.additionalProperties === false)",
    replace: 'if (jsonSchema.additionalProperties === false)',
  }),
  claim('2.2.1', 'a parameter has no schema', {
    file: 'apps/gateway/src/products.controller.ts',
    ...at('apps/gateway/src/validation.spec.ts', 'is parsed by a schema'),
    find: "get(@Param('id', { schema: id }) product: string",
    replace: "get(@Param('id') product: string",
  }),
  claim('2.2.2', 'a service takes its input as it came', {
    file: `${http}/validation.pipe.ts`,
    ...at(`${http}/requests.spec.ts`, 'and reaches the handler as the schema made it'),
    find: 'return await super.transform(value, metadata);',
    replace: 'return value;',
  }),
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
    ...at(
      'apps/gateway/src/limits/edge-limits.spec.ts',
      'tell what is left, and refuse what is too much as a problem that says when to come again',
    ),
    find: 'if (!allowed) throw refusal(',
    replace: 'if (Date.now() === 0) throw refusal(',
  }),
  claim('3.2.1', 'what an answer is may be guessed', {
    file: hooks,
    ...answers,
    find: "    reply.header('x-content-type-options', 'nosniff');\n",
    replace: '',
  }),
  claim('3.3.1', 'a page without TLS sets a cookie in our place', {
    file: `${auth}/sign-in/cookies.ts`,
    ...cookies,
    find: '(secure ? `__Secure-${name}` : name)',
    replace: '(secure ? name : name)',
  }),
  claim('3.3.2', 'other sites make a browser send its cookies', {
    file: openId,
    ...cookies,
    find: "short: { httpOnly: true, sameSite: 'lax' }",
    replace: "short: { httpOnly: true, sameSite: 'none' }",
  }),
  claim('3.3.4', 'scripts read cookies', {
    file: openId,
    ...cookies,
    find: "short: { httpOnly: true, sameSite: 'lax' }",
    replace: "short: { httpOnly: false, sameSite: 'lax' }",
  }),
  claim('3.4.1', 'browsers may come without TLS', {
    file: 'k8s/components/istio/routing.yaml',
    ...at('infra/kubernetes/manifests.spec.ts', 'promises where TLS ends that browsers need no other way (HSTS)'),
    find: "'max-age=63072000; includeSubDomains'",
    replace: "'max-age=0'",
  }),
  claim('3.4.2', 'any origin may call', {
    file: `${http}/cors.ts`,
    ...at(
      `${http}/browsers.spec.ts`,
      'may call nothing unless it is listed: no header lets its browser read the answer',
    ),
    find: 'origin !== undefined && this.#origins.has(origin)',
    replace: 'origin !== undefined',
  }),
  claim('3.4.3', 'scripts of others run', {
    file: secureHeaders,
    ...answers,
    find: '"script-src \'self\'",',
    replace: '"script-src \'self\' https:",',
  }),
  claim('3.4.3', 'plug-ins run', {
    file: secureHeaders,
    ...answers,
    find: '"object-src \'none\'",',
    replace: '"object-src https:",',
  }),
  claim('3.4.3', 'a sign-in page takes any style', {
    file: html,
    ...ownStyle,
    find: "style-src 'sha256-${styleHash}'",
    replace: "style-src 'unsafe-inline'",
  }),
  claim('3.4.4', 'what is no HTTP is answered without a guard', {
    file: broken,
    ...noHttp,
    find: "  'x-content-type-options': 'nosniff',\n",
    replace: '',
  }),
  claim('3.4.5', 'addresses of ours are told to others', {
    file: secureHeaders,
    ...answers,
    find: "  'referrer-policy': 'no-referrer',\n",
    replace: '',
  }),
  claim('3.4.5', 'addresses of ours are told to others by what no route answers', {
    file: broken,
    ...answers,
    find: "  'referrer-policy': 'no-referrer',\n",
    replace: '',
  }),
  claim('3.4.6', 'anybody may frame an answer', {
    file: secureHeaders,
    ...answers,
    find: '"frame-ancestors \'self\'",',
    replace: '"frame-ancestors *",',
  }),
  claim('3.4.6', 'anybody may frame a sign-in page', {
    file: html,
    ...ownStyle,
    find: "; frame-ancestors 'none'`",
    replace: '`',
  }),
  claim('3.5.1', 'the graph is read by forms of other sites', {
    file: `${graph}/graph.controller.ts`,
    ...at(
      `${graph}/over-http.spec.ts`,
      'is not taken from a page of another site, which can send no header of its own',
    ),
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
  claim('3.5.3', 'a GET changes something', {
    file: `${graph}/graph.ts`,
    ...at(`${graph}/over-http.spec.ts`, 'changes nothing'),
    find: "if (readOnly && operation !== 'query')",
    replace: "if (readOnly && operation === 'subscription')",
  }),
  claim('3.7.1', 'a sign-in page loads what it likes', {
    file: html,
    ...ownStyle,
    find: "`default-src 'none';",
    replace: '`default-src *;',
  }),
  claim('4.1.1', 'a problem does not say what it is', {
    file: `${http}/problem.filter.ts`,
    ...refused,
    find: ".type('application/problem+json')",
    replace: ".type('text/plain')",
  }),
  claim('4.1.3 15.3.4', 'anybody says where a request comes from', {
    file: server,
    ...at(
      'apps/gateway/src/limits/edge-limits.spec.ts',
      'believe no header about where a request comes from, unless a proxy is named',
    ),
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
    ...at(
      `${graph}/subscriptions/sockets.spec.ts`,
      'is opened for pages of our own site and of those that may call us, not of others',
    ),
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
