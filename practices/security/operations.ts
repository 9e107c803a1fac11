import { randomUUID } from 'node:crypto';
import type { Rule } from './rules.ts';
import type { World } from './world.ts';

export interface Request {
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** One operation of the running route table, and who may do it. */
export interface Operation {
  readonly rule: Rule;
  /** What to ask; the route itself where it has no parameter. Called anew for each identity. */
  readonly ask?: (world: World) => Request | Promise<Request>;
  /**
   * The status of what is done, where it is no 2xx: what this shop has nothing of, or what a form without its secret
   * gets.
   */
  readonly done?: number;
  /** Why the gateway's OpenAPI document need not name it. */
  readonly undocumented?: string;
}

const nobody = '01900000-0000-7000-8000-000000000000';
/** A link in a mail that we did not make. */
const madeUp = `${nobody}.${'x'.repeat(43)}`;
const once = () => ({ 'idempotency-key': randomUUID() });
const json = { 'content-type': 'application/json' };
/** In version 2 money is one thing. */
const lamp = (prefix: string) => ({
  sku: `LAMP-${randomUUID().slice(0, 8).toUpperCase()}`,
  name: 'Lamp',
  description: '',
  stock: 5,
  ...(prefix === '/v2' ? { price: { amount: 4_900, currency: 'EUR' } } : { price: 4_900, currency: 'EUR' }),
});

const health: Record<string, Operation> = Object.fromEntries(
  ['startup', 'live', 'ready'].map((probe) => [
    `GET /health/${probe}`,
    { rule: 'public', undocumented: 'for whoever runs it' } satisfies Operation,
  ]),
);

/** What every service with messages lets its operator do. */
const messaging: Record<string, Operation> = {
  'GET /operations/parked': { rule: 'operator' },
  'POST /operations/parked/release': {
    rule: 'operator',
    done: 404,
    ask: () => ({ path: '/operations/parked/release', body: { consumer: 'orders.list', key: 'x' } }),
  },
  // The bus in memory keeps no topics to look into.
  'GET /operations/dead-letters': { rule: 'operator', done: 503 },
  'GET /operations/dead-letters/:at': {
    rule: 'operator',
    done: 404,
    ask: () => ({ path: '/operations/dead-letters/nobody.dead-letters:0:0' }),
  },
  'POST /operations/dead-letters/replay': {
    rule: 'operator',
    done: 503,
    ask: () => ({ path: '/operations/dead-letters/replay', body: {} }),
  },
  'GET /operations/outbox': { rule: 'operator' },
  'POST /operations/outbox/put-back': {
    rule: 'operator',
    done: 404,
    ask: () => ({ path: '/operations/outbox/put-back', body: {} }),
  },
  'GET /operations/actions': { rule: 'operator' },
};

/** Orders, as the gateway and the service behind it have them. */
const orders = (prefix: string): Record<string, Operation> => ({
  [`POST ${prefix}/orders`]: {
    rule: 'people',
    ask: ({ basket }) => ({ path: `${prefix}/orders`, body: basket, headers: once() }),
  },
  [`GET ${prefix}/orders`]: { rule: 'people' },
  [`GET ${prefix}/orders/:id`]: { rule: 'owner or staff', ask: ({ order }) => ({ path: `${prefix}/orders/${order}` }) },
  [`GET ${prefix}/orders/:id/history`]: {
    rule: 'owner or staff',
    ask: ({ order }) => ({ path: `${prefix}/orders/${order}/history` }),
  },
  [`POST ${prefix}/orders/:id/cancellation`]: {
    rule: 'owner',
    ask: ({ order }) => ({ path: `${prefix}/orders/${order}/cancellation`, body: {} }),
  },
});

const products = (prefix: string): Record<string, Operation> => ({
  [`GET ${prefix}/products`]: { rule: 'public' },
  [`GET ${prefix}/products/:id`]: { rule: 'public', ask: ({ product }) => ({ path: `${prefix}/products/${product}` }) },
  [`POST ${prefix}/products`]: {
    rule: 'admin',
    ask: () => ({ path: `${prefix}/products`, body: lamp(prefix), headers: once() }),
  },
  [`GET ${prefix}/products/:id/record`]: {
    rule: 'admin',
    ask: ({ product }) => ({ path: `${prefix}/products/${product}/record` }),
  },
  [`PATCH ${prefix}/products/:id`]: {
    rule: 'admin',
    ask: ({ product }) => ({
      path: `${prefix}/products/${product}`,
      body: {},
      headers: { 'content-type': 'application/merge-patch+json', 'if-match': '*' },
    }),
  },
  [`POST ${prefix}/products/:id/restock`]: {
    rule: 'admin',
    ask: ({ product }) => ({ path: `${prefix}/products/${product}/restock`, body: { quantity: 1 }, headers: once() }),
  },
});

const accounts = (prefix: string): Record<string, Operation> => ({
  [`POST ${prefix}/accounts`]: {
    rule: 'public',
    ask: () => ({
      path: `${prefix}/accounts`,
      body: { email: `${randomUUID()}@example.com`, password: 'correct horse battery', name: 'New' },
    }),
  },
  [`GET ${prefix}/accounts/:id/standing`]: {
    rule: 'admin',
    ask: ({ people }) => ({ path: `${prefix}/accounts/${people.other}/standing` }),
  },
  [`PUT ${prefix}/accounts/:id/standing`]: {
    rule: 'admin',
    ask: ({ people }) => ({
      path: `${prefix}/accounts/${people.other}/standing`,
      body: { disabled: false },
      headers: { ...json, 'if-match': '*' },
    }),
  },
  [`GET ${prefix}/accounts/:id/roles`]: {
    rule: 'admin',
    ask: ({ people }) => ({ path: `${prefix}/accounts/${people.other}/roles` }),
  },
  [`PUT ${prefix}/accounts/:id/roles`]: {
    rule: 'admin',
    ask: ({ people }) => ({
      path: `${prefix}/accounts/${people.other}/roles`,
      body: { roles: ['customer'] },
      headers: { ...json, 'if-match': '*' },
    }),
  },
});

/**
 * What a browser and a client library say to OpenID Connect: who they are is in cookies, forms and client secrets,
 * which have tests of their own.
 */
const protocol = 'OpenID Connect describes itself, at /oidc/.well-known/openid-configuration';
const discovery = (): Request => ({ path: '/oidc/.well-known/openid-configuration' });
const formOf = (path: string): Request => ({
  path,
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
  body: 'token=forged',
});
const interaction = `/oidc/interaction/${nobody}`;
const pages: Record<string, Operation> = {
  'POST /oidc/auth': { rule: 'public', done: 303, ask: () => formOf('/oidc/auth') },
  'GET /oidc/interaction/:uid': { rule: 'public', done: 400, ask: () => ({ path: interaction }) },
  'POST /oidc/interaction/:uid': { rule: 'public', done: 400, ask: () => formOf(interaction) },
  'POST /oidc/interaction/:uid/factor': { rule: 'public', done: 400, ask: () => formOf(`${interaction}/factor`) },
  'POST /oidc/interaction/:uid/without-factor': {
    rule: 'public',
    done: 400,
    ask: () => formOf(`${interaction}/without-factor`),
  },
  'POST /oidc/interaction/:uid/passkey': { rule: 'public', done: 400, ask: () => formOf(`${interaction}/passkey`) },
  'GET /oidc/interaction/:uid/registration': {
    rule: 'public',
    done: 400,
    ask: () => ({ path: `${interaction}/registration` }),
  },
  'POST /oidc/interaction/:uid/registration': {
    rule: 'public',
    done: 400,
    ask: () => formOf(`${interaction}/registration`),
  },
  'GET /oidc/account': { rule: 'public', done: 303 },
  'POST /oidc/account/sign-in': { rule: 'public', done: 403, ask: () => formOf('/oidc/account/sign-in') },
  'POST /oidc/account/others': { rule: 'public', done: 403, ask: () => formOf('/oidc/account/others') },
  'POST /oidc/account/consent': { rule: 'public', done: 403, ask: () => formOf('/oidc/account/consent') },
  'GET /oidc/account/second-factor': { rule: 'public', done: 303 },
  'POST /oidc/account/second-factor': { rule: 'public', done: 403, ask: () => formOf('/oidc/account/second-factor') },
  'GET /oidc/account/passkeys': { rule: 'public', done: 303 },
  'POST /oidc/account/passkeys': { rule: 'public', done: 403, ask: () => formOf('/oidc/account/passkeys') },
  'POST /oidc/account/passkeys/name': { rule: 'public', done: 403, ask: () => formOf('/oidc/account/passkeys/name') },
  'POST /oidc/account/passkeys/removal': {
    rule: 'public',
    done: 403,
    ask: () => formOf('/oidc/account/passkeys/removal'),
  },
  'POST /oidc/password/factor': { rule: 'public', done: 403, ask: () => formOf('/oidc/password/factor') },
  'GET /oidc/factor-removal/:token': {
    rule: 'public',
    done: 410,
    ask: () => ({ path: `/oidc/factor-removal/${madeUp}` }),
  },
  'POST /oidc/factor-removal/:token': {
    rule: 'public',
    done: 410,
    ask: () => formOf(`/oidc/factor-removal/${madeUp}`),
  },
  'GET /oidc/scripts/:name': { rule: 'public', ask: () => ({ path: '/oidc/scripts/passkeys.js' }) },
  'GET /oidc/account/deletion': { rule: 'public', done: 303 },
  'POST /oidc/account/deletion': { rule: 'public', done: 403, ask: () => formOf('/oidc/account/deletion') },
  'GET /oidc/verification/:token': { rule: 'public', done: 410, ask: () => ({ path: `/oidc/verification/${madeUp}` }) },
  'POST /oidc/verification/:token': { rule: 'public', done: 410, ask: () => formOf(`/oidc/verification/${madeUp}`) },
  'GET /oidc/recovery': { rule: 'public' },
  'POST /oidc/recovery': { rule: 'public', done: 422, ask: () => formOf('/oidc/recovery') },
  'GET /oidc/recovery/:token': { rule: 'public', done: 410, ask: () => ({ path: `/oidc/recovery/${madeUp}` }) },
  'POST /oidc/recovery/:token': { rule: 'public', done: 410, ask: () => formOf(`/oidc/recovery/${madeUp}`) },
  'GET /oidc/password': { rule: 'public' },
  'POST /oidc/password': { rule: 'public', done: 403, ask: () => formOf('/oidc/password') },
};
/** What goes through to the library; what it does not know at an address comes to nothing. */
const library: Record<string, Operation> = {
  'GET /oidc/*': { rule: 'public', undocumented: protocol, ask: discovery },
  'POST /oidc/*': { rule: 'public', undocumented: protocol, ask: discovery, done: 404 },
};
/**
 * What the gateway counts apart of it, and so has routes of its own for; the methods that a page asks for by OPTIONS it
 * tells itself.
 */
const endpoints: Record<string, Operation> = {
  'GET /oidc/auth': { rule: 'public', undocumented: protocol, done: 400, ask: () => ({ path: '/oidc/auth' }) },
  'POST /oidc/token': { rule: 'public', undocumented: protocol, done: 400, ask: () => formOf('/oidc/token') },
  'POST /oidc/token/*': { rule: 'public', undocumented: protocol, done: 404, ask: () => formOf('/oidc/token/nothing') },
};
/** The library answers them itself where it is. */
const preflights: Record<string, Operation> = {
  'OPTIONS /oidc/*': { rule: 'public', undocumented: protocol, ask: discovery, done: 404 },
};
const documentation = 'it is the documentation';
/** Open to everybody: each of its fields says who may have it (apps/gateway/src/graph/graph.spec.ts). */
const schema = 'the graph describes itself: apps/gateway/generated/schema.graphql';
const graph: Record<string, Operation> = {
  'POST /graphql': {
    rule: 'public',
    undocumented: schema,
    ask: () => ({ path: '/graphql', body: { query: '{ __typename }' } }),
  },
  'GET /graphql': {
    rule: 'public',
    undocumented: schema,
    ask: () => ({ path: '/graphql?query={__typename}', headers: { 'graphql-preflight': '1' } }),
  },
};

/** One version of the API: the same rules in each. */
const version = (prefix: string): Record<string, Operation> => ({
  ...accounts(prefix),
  ...products(prefix),
  ...orders(prefix),
  [`GET ${prefix}/notifications`]: { rule: 'people' },
  [`GET ${prefix}/openapi.json`]: { rule: 'public', undocumented: documentation },
});

/**
 * Every operation of every service. One that a router has and this table lacks is a fault, and so is the other way
 * round.
 */
export const operations: Readonly<Record<string, Readonly<Record<string, Operation>>>> = {
  gateway: {
    ...health,
    'GET /': { rule: 'public' },
    ...Object.fromEntries(
      [
        '/openapi.json',
        '/docs',
        '/docs/start.js',
        '/docs/swagger-ui.css',
        '/docs/swagger-ui-bundle.js',
        '/docs/swagger-ui-standalone-preset.js',
      ].map((path) => [`GET ${path}`, { rule: 'public', undocumented: documentation } satisfies Operation]),
    ),
    ...version('/v1'),
    ...version('/v2'),
    ...graph,
    ...library,
    ...endpoints,
  },
  auth: {
    ...health,
    ...accounts(''),
    'GET /accounts/:id': { rule: 'service', ask: ({ people }) => ({ path: `/accounts/${people.owner}` }) },
    'POST /mail-requests/claims': {
      rule: 'service',
      ask: () => ({ path: '/mail-requests/claims', body: { limit: 1 } }),
    },
    'POST /mail-requests/:id/completion': {
      rule: 'service',
      ask: () => ({ path: `/mail-requests/${nobody}/completion`, body: {} }),
    },
    'GET /operations/signing-keys': { rule: 'operator' },
    'POST /operations/signing-keys/rotation': { rule: 'operator' },
    'POST /operations/accounts/:id/second-factors/removal': {
      rule: 'operator',
      ask: ({ people }) => ({ path: `/operations/accounts/${people.other}/second-factors/removal` }),
    },
    'GET /operations/security-events': { rule: 'operator' },
    ...pages,
    ...library,
    ...preflights,
  },
  catalog: {
    ...health,
    ...products(''),
    'GET /products/many': { rule: 'public', ask: ({ product }) => ({ path: `/products/many?ids=${product}` }) },
    ...messaging,
    'POST /operations/announcements/products': { rule: 'operator' },
  },
  orders: {
    ...health,
    ...orders(''),
    'GET /orders/many': { rule: 'people', ask: ({ order }) => ({ path: `/orders/many?ids=${order}` }) },
    'GET /orders/:id/states': { rule: 'owner', ask: ({ order }) => ({ path: `/orders/${order}/states` }) },
    ...messaging,
    'GET /operations/orders/:id': { rule: 'operator', ask: ({ order }) => ({ path: `/operations/orders/${order}` }) },
    'GET /operations/order-reads': { rule: 'operator' },
    'POST /operations/projections/orders/check': { rule: 'operator' },
    'POST /operations/projections/orders/rebuild': { rule: 'operator' },
  },
  payments: {
    ...health,
    ...messaging,
    'GET /operations/open-outcomes': { rule: 'operator' },
    // No payment of this shop is in doubt.
    'POST /operations/open-outcomes/ask': {
      rule: 'operator',
      done: 404,
      ask: () => ({ path: '/operations/open-outcomes/ask', body: { order: nobody } }),
    },
  },
  notifications: { ...health, 'GET /messages': { rule: 'people' }, ...messaging },
};
