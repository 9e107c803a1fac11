import { at, claim, type Claim } from './claim.ts';

const http = 'libs/platform/src/http';
const auth = 'apps/auth/src';
const refused = at(`${http}/refusals.spec.ts`, 'refuses %s, in the one shape');
const bug = at(`${http}/requests.spec.ts`, 'a bug, without a word of it, with its trace');
const hooks = `${http}/request-hooks.ts`;
const logger = 'libs/platform/src/service/logger.ts';
const primitives = 'libs/contracts/src/api/primitives.ts';

/** What is kept, shown and told: chapters 8, 11 and 13 to 16. */
export const insideClaims: readonly Claim[] = [
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
  claim('11.3.1', 'the same text is sealed to the same bytes', {
    file: 'apps/auth/src/oidc/sealing.ts',
    ...at('apps/auth/src/oidc/sealing.spec.ts', 'tells nothing, not even that the same was sealed twice'),
    find: 'const iv = randomBytes(ivBytes);',
    replace: 'const iv = Buffer.alloc(ivBytes);',
  }),
  claim('11.3.3', 'what is sealed opens after it was changed', {
    file: 'apps/auth/src/oidc/sealing.ts',
    ...at('apps/auth/src/oidc/sealing.spec.ts', 'does not open with one bit changed, shortened or made up'),
    find: "undefined, 'utf8') + decipher.final('utf8');",
    replace: "undefined, 'utf8');",
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
  claim('13.4.4', 'TRACE is let in', {
    file: hooks,
    ...refused,
    find: 'if (target.route === undefined) return done(refusal(target, paths));',
    replace: "if (target.route === undefined && request.method !== 'TRACE') return done(refusal(target, paths));",
  }),
  claim('14.2.2', 'what knows its user is kept for others', {
    file: 'apps/gateway/src/responses/response-cache.ts',
    ...at(
      'apps/gateway/src/responses/response-cache.spec.ts',
      'cannot be asked for through it: a route that knows its user is refused',
    ),
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
    ...at(
      'tools/images/images.spec.ts',
      'have of each package what npm itself reads in the lockfile: its version, its address and its hash',
    ),
    find: "Buffer.from(digest, 'base64').toString('hex')",
    replace: 'digest',
  }),
  claim('15.2.2', 'a service takes more than it can do', {
    file: hooks,
    ...at(
      `${http}/overload.spec.ts`,
      'turns requests away with a problem that says when to come again, but never questions about health',
    ),
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
  claim('16.1.1', 'a security event is in no inventory', {
    file: 'docs/security/inventory.md',
    ...at('tools/inventory.spec.ts', 'every security event is in the inventory of what is written down'),
    find: '`roles-changed`, ',
    replace: '',
  }),
  claim('16.2.1', 'a line does not say which instance wrote it', {
    file: logger,
    ...at('libs/platform/src/service/logger.spec.ts', 'writes one JSON line with service, instance and time'),
    find: 'base: { service, instance: settings.INSTANCE },',
    replace: 'base: { service },',
  }),
  claim('16.2.3', 'something is written beside the log', {
    file: `${auth}/sign-in/sign-ins.ts`,
    ...at(`${auth}/auth.int.spec.ts`, 'prints nothing but its own log, and no secret in it'),
    find: '    await right();\n',
    replace: "    await right();\n    console.log('signed in');\n",
  }),
  claim('16.2.4', 'a line does not say which trace it belongs to', {
    file: logger,
    ...at('libs/platform/src/service/logger.spec.ts', 'carries the id of the trace it belongs to'),
    find: 'mixin: traceOf, ',
    replace: '',
  }),
  claim('16.2.5', 'an address stands in a log', {
    file: logger,
    ...at('libs/platform/src/service/logger.spec.ts', 'strikes out secrets and addresses wherever they are'),
    find: "'token', 'email']",
    replace: "'token']",
  }),
  claim('16.3.1', 'a failed sign-in is not written down', {
    file: `${auth}/sign-in/sign-ins.ts`,
    ...at(
      `${auth}/identity.int.spec.ts`,
      'has every sign-in, each failed one and each sign-out: when, from where and by which program',
    ),
    find: "this.audit.note('sign-in-failed',",
    replace: "this.audit.note('consented',",
  }),
  claim('16.3.4', 'a bug is nowhere to be read', {
    file: `${http}/problem.filter.ts`,
    ...at(`${http}/problem.filter.spec.ts`, 'a bug is logged, with its stack'),
    find: "if (problem.code === 'internal-error') this.logger.error(",
    replace: "if (problem.code === 'bug') this.logger.error(",
  }),
  claim('16.5.2', 'what is behind the gateway takes it along', {
    file: 'apps/gateway/src/responses/response-cache.ts',
    ...at('apps/gateway/src/responses/response-cache.spec.ts', 'is still shown, with its age, while catalog is away'),
    find: 'errorMs: 300_000,',
    replace: 'errorMs: 0,',
  }),
];
