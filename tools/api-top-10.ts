import type { Risk } from './named-tests.ts';

/**
 * The OWASP API Security Top 10 of 2023, what we do about each, and the tests that show it: file, and title as it
 * stands there. What `npm run security` and `npm run practice` show beside them is named, too. A test that is not there
 * fails CI.
 */
export const apiTop10: readonly Risk[] = [
  {
    id: 'API1:2023',
    title: 'Broken object level authorization',
    done: 'Whose an object is stands in the query that reads it, not in a check after it; somebody else’s is 404. Every operation is tried as nine identities.',
    also: ['npm run security matrix', 'npm run practice rbac'],
    tests: [
      ['apps/orders/src/orders.int.spec.ts', 'is read as it was written, by its customer only'],
      [
        'apps/orders/src/orders.int.spec.ts',
        'is read by whoever serves customers, who is written down before it is shown, and cancelled by its customer only',
      ],
      ['infra/e2e/main-job.e2e.spec.ts', 'somebody else’s order is not found, whatever one asks of it'],
      ['infra/e2e/main-job.e2e.spec.ts', 'of somebody else is a key of its own'],
      [
        'apps/gateway/src/responses/response-cache.spec.ts',
        'cannot be asked for through it: a route that knows its user is refused',
      ],
    ],
  },
  {
    id: 'API2:2023',
    title: 'Broken authentication',
    done: 'OpenID Connect by a certified library: code with PKCE, refresh tokens that rotate and end the sign-in when they are used again, access tokens of five minutes. Guesses cost their address and their account; unknown users cost the same time.',
    also: ['npm run security tokens', 'npm run practice jwt', 'npm run practice oauth2-oidc'],
    tests: [
      [
        'apps/auth/src/auth.int.spec.ts',
        'rotates refresh tokens: the new one works, the old one is refused, and a late reuse ends the whole sign-in',
      ],
      ['apps/auth/src/auth.int.spec.ts', 'lets one of fifty parallel refreshes win and ends nothing'],
      [
        'apps/auth/src/auth.int.spec.ts',
        'gives no code without PKCE by S256, and sends nobody to an address it does not know',
      ],
      ['apps/auth/src/auth.int.spec.ts', 'takes a code once; used again, it ends the sign-in it began'],
      ['apps/auth/src/auth.int.spec.ts', 'says the same to a wrong password and to an unknown address'],
      ['apps/auth/src/accounts/passwords.spec.ts', 'of nobody match nothing, and finding that out costs as much'],
      [
        'apps/auth/src/sign-in/guess-limits.int.spec.ts',
        'are a hundred in an hour at most, seventy from everywhere and thirty by known browsers, however many addresses and cookies there are',
      ],
      [
        'apps/auth/src/identity.int.spec.ts',
        'is changed under constant requests, at two instances, and not one token is refused',
      ],
      ['libs/platform/src/auth/token-verifier.spec.ts', 'a token is refused'],
    ],
  },
  {
    id: 'API3:2023',
    title: 'Broken object property level authorization',
    done: 'One schema for each input, strict at every depth, and one for each answer, which leaves out what it does not name. The customer’s view of a product has no stock figures, the record that only admins read has.',
    also: ['npm run practice validation'],
    tests: [
      ['apps/gateway/src/validation.spec.ts', 'has no field that the schema does not know, at any depth'],
      ['apps/gateway/src/validation.spec.ts', 'has a shape that leaves out what it does not know'],
      ['apps/gateway/src/validation.spec.ts', '%s takes no field beside it, however it is called'],
      ['apps/gateway/src/validation.spec.ts', '%s gives nobody a hand on the prototype of everything'],
      ['apps/gateway/src/gateway.spec.ts', 'are for everybody, and show what the contract says and no more'],
      ['apps/gateway/src/gateway.spec.ts', 'registers customers, and keeps what auth says of them to the contract'],
    ],
  },
  {
    id: 'API4:2023',
    title: 'Unrestricted resource consumption',
    done: 'Quotas per user, client and address, shared by all instances; bodies, depth, headers, pages, connections and times have an end; what is behind turns requests away unread; no pattern that backtracks.',
    also: [
      'npm run practice rate-limiting',
      'npm run practice owasp',
      'npm run practice pagination',
      'npm run practice query-optimization',
    ],
    tests: [
      [
        'libs/platform/src/limits/shared-rate-limiter.int.spec.ts',
        'lets the quota through once, however many of them are asked at once',
      ],
      [
        'libs/platform/src/limits/shared-rate-limiter.int.spec.ts',
        'each instance counts for itself: so many times the quota, and no more',
      ],
      [
        'apps/gateway/src/limits/edge-limits.spec.ts',
        'tell what is left, and refuse what is too much as a problem that says when to come again',
      ],
      [
        'libs/platform/src/http/overload.spec.ts',
        'turns requests away with a problem that says when to come again, but never questions about health',
      ],
      ['libs/platform/src/http/server.int.spec.ts', 'gets half of them, and the rest is closed unread'],
      ['apps/gateway/src/validation.spec.ts', 'has no text without an end'],
      ['apps/gateway/src/validation.spec.ts', 'what is nested thirty thousand deep is refused, and keeps nobody busy'],
      ['tools/regular-expressions.spec.ts', 'cannot be made to backtrack by what a stranger sends'],
      ['libs/platform/src/cache/cache.spec.ts', 'ask the origin once, from however many instances'],
    ],
  },
  {
    id: 'API5:2023',
    title: 'Broken function level authorization',
    done: 'Every route is closed unless it says otherwise; scopes and roles are checked at the edge and again in the service. What only operators may do has no way through the gateway.',
    also: ['npm run security matrix'],
    tests: [
      ['apps/gateway/src/gateway.spec.ts', 'does not let a token that may only read place an order'],
      ['apps/gateway/src/gateway.spec.ts', 'leads to nothing that only operators may do, whoever asks'],
      ['apps/auth/src/auth.int.spec.ts', 'lets an operator operate, and nobody else'],
      ['apps/auth/src/identity.int.spec.ts', 'gets what was allowed, for a customer: never what a role adds'],
      ['libs/platform/src/http/requests.spec.ts', 'a missing token and a missing scope, saying what is needed'],
    ],
  },
  {
    id: 'API6:2023',
    title: 'Unrestricted access to sensitive business flows',
    done: 'Orders have a quota of their own per customer. Stock is reserved for minutes, not for ever, and given back when nobody pays; an order cannot be placed twice by one wish.',
    also: ['npm run practice idempotency', 'npm run practice saga'],
    tests: [
      [
        'apps/gateway/src/limits/edge-limits.spec.ts',
        'count classes of routes apart, and OpenID Connect too; health is never counted',
      ],
      [
        'apps/gateway/src/limits/edge-limits.spec.ts',
        'count a user by what a verified token says, its first request included, and never by a forged one',
      ],
      [
        'apps/orders/src/deadlines.int.spec.ts',
        'is given up when its next step does not come, whatever is wrong with another',
      ],
      ['apps/catalog/src/stock/stock-side-by-side.int.spec.ts', 'fifty orders for the last ten get exactly ten'],
      [
        'infra/e2e/main-job.e2e.spec.ts',
        'gets the first answer again and orders nothing twice, also when twenty come at once',
      ],
    ],
  },
  {
    id: 'API7:2023',
    title: 'Server side request forgery',
    done: 'No input is ever an address: what is called stands in the configuration, and ids are UUIDs before they are part of a path. Headers that say where a request comes from are believed of named proxies only.',
    also: [],
    tests: [
      [
        'apps/gateway/src/oidc/oidc-proxy.spec.ts',
        'says who asks, and by which address the world knows the shop, whatever the caller claims',
      ],
      ['apps/gateway/src/oidc/oidc-proxy.spec.ts', 'does not reach what lies beside it'],
      [
        'apps/gateway/src/limits/edge-limits.spec.ts',
        'believe no header about where a request comes from, unless a proxy is named',
      ],
      [
        'libs/platform/src/auth/token-verifier.spec.ts',
        'are fetched once, not again for each token with a made-up key id',
      ],
    ],
  },
  {
    id: 'API8:2023',
    title: 'Security misconfiguration',
    done: 'A wrong or missing setting stops the start and names the key, never its value. Headers for browsers on every answer, other sites’ pages by a list that is empty by default, errors without a word of what is inside.',
    also: ['npm run practice problem-details'],
    tests: [
      ['libs/platform/src/config/config.spec.ts', 'never shows a value'],
      [
        'libs/platform/src/http/browsers.spec.ts',
        '%s is not sniffed, not framed, runs nothing of others and is kept by nobody',
      ],
      [
        'libs/platform/src/http/browsers.spec.ts',
        'may call nothing unless it is listed: no header lets its browser read the answer',
      ],
      ['libs/platform/src/http/requests.spec.ts', 'a bug, without a word of it, with its trace'],
      ['apps/gateway/src/gateway.spec.ts', 'turns a failure behind it into 503, without its words'],
      ['libs/platform/src/service/logger.spec.ts', 'strikes out secrets and addresses wherever they are'],
      [
        'infra/e2e/main-job.e2e.spec.ts',
        'keeps a secret, wherever it was put: no answer, no log and no message shows it but the one that pays',
      ],
      ['infra/servers/settings.spec.ts', 'listen on loopback only'],
    ],
  },
  {
    id: 'API9:2023',
    title: 'Improper inventory management',
    done: 'The OpenAPI document is made from the running application and committed; the matrix fails for a route that has no rule and for one that the document lacks. Messages have an inventory of the same kind.',
    also: ['npm run security matrix', 'npm run generate -- --check', 'npm run practice api-versioning'],
    tests: [
      ['apps/gateway/src/docs/open-api.spec.ts', 'are of version 3.1 and list what the gateway offers'],
      [
        'apps/gateway/src/docs/open-api.spec.ts',
        'say for each operation which scopes it needs, as the guard enforces them',
      ],
      ['tools/documents.spec.ts', 'are stale when one was edited, lost, or left behind by a type that is gone'],
    ],
  },
  {
    id: 'API10:2023',
    title: 'Unsafe consumption of APIs',
    done: 'What other parties answer is parsed by a schema like any input, with a deadline, a breaker and a bound on retries; redirects are not followed; a party that fails costs its callers an answer, not the shop.',
    also: ['npm run practice circuit-breaker', 'npm run practice timeout'],
    tests: [
      ['libs/platform/src/upstream/upstream.spec.ts', 'of another shape is a bug, not a refusal'],
      [
        'libs/platform/src/upstream/upstream.spec.ts',
        'is waited for as long as the call may take, and not asked again',
      ],
      [
        'libs/platform/src/resilience/resilient-calls.spec.ts',
        'is left alone after five failures: nothing more is asked of it',
      ],
      [
        'apps/payments/src/payment-provider.int.spec.ts',
        'leaves a provider that never answers alone, and comes back to it',
      ],
      ['apps/notifications/src/delivery/auth-addresses.int.spec.ts', 'come again after auth was away'],
    ],
  },
];
