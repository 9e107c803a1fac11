import type { Patch } from './patches.ts';

const invariant = 'security';
const spellings = {
  invariant,
  file: 'libs/platform/src/http/request-target.ts',
  caughtBy: 'apps/gateway/src/spellings.spec.ts',
} as const;
const operations = {
  invariant,
  file: 'apps/gateway/src/graph/subscriptions/protocol.ts',
  caughtBy: 'apps/gateway/src/graph/subscriptions/operations-count.spec.ts',
} as const;

/** The door of the shop, made wrong in one place. */
export const edgePatches: readonly Patch[] = [
  {
    name: 'a path is judged as it was spelled',
    ...spellings,
    find: 'const path = route === undefined ? spelledOut(url.slice(0, end)) : filled(route, request.params as Record<string, string>);',
    replace: 'const path = url.slice(0, end);',
  },
  {
    name: 'an empty segment of a path stands for a parameter',
    ...spellings,
    find: "(path !== '/' && ambiguousSegment.test(path))",
    replace: 'false',
  },
  {
    name: 'a body that is no UTF-8 is read anyway',
    invariant,
    file: 'libs/platform/src/http/text-bodies.ts',
    caughtBy: 'libs/platform/src/http/refusals.spec.ts',
    find: 'if (!isUtf8(body)) throw refusal();',
    replace: '',
  },
  {
    name: 'the charset of a body is not looked at',
    invariant,
    file: 'libs/platform/src/http/request-hooks.ts',
    caughtBy: 'libs/platform/src/http/refusals.spec.ts',
    find: ' ?? encodingRefusal(type, encoding)',
    replace: '',
  },
  {
    name: 'forms are passed on to auth whatever their bytes',
    invariant,
    file: 'apps/gateway/src/oidc/oidc-proxy.ts',
    caughtBy: 'apps/gateway/src/oidc/oidc-proxy.spec.ts',
    find: 'isText(body, request.mediaType) ?',
    replace: 'true ?',
  },
  {
    name: 'of two Host headers the first counts',
    invariant,
    file: 'libs/platform/src/http/malformation.ts',
    caughtBy: 'libs/platform/src/http/refusals.spec.ts',
    find: 'const repeated = repeatedHeader(raw);',
    replace: 'const repeated = undefined as string | undefined;',
  },
  {
    name: 'an If-Match is its first tag',
    invariant,
    file: 'libs/platform/src/http/request-headers.ts',
    caughtBy: 'libs/platform/src/http/requests.spec.ts',
    find: 'const strong = tagsIn(tag)?.filter(({ weak }) => !weak) ?? [];',
    replace: 'const strong = tagsIn(tag)?.slice(0, 1) ?? [];',
  },
  {
    name: 'operations over a socket are not counted',
    ...operations,
    find: 'if (principal) await this.limits.countOperation({ address, principal });',
    replace: '',
  },
  {
    name: 'operations over a socket are taken however much there is to do',
    ...operations,
    find: 'if (this.overload.refuses() !== undefined) throw overloaded();',
    replace: '',
  },
  {
    name: 'a socket sends as much as it likes',
    invariant,
    file: 'apps/gateway/src/graph/subscriptions/sockets.ts',
    caughtBy: operations.caughtBy,
    find: "if (!allowed) return socket.close(POLICY_VIOLATION, 'too-many-messages');",
    replace: '',
  },
  {
    name: 'a request for authorization counts as a read',
    invariant,
    file: 'apps/gateway/src/limits/quotas.ts',
    caughtBy: 'apps/gateway/src/limits/edge-limits.spec.ts',
    find: "if (route === '/oidc/auth') return 'authorization';",
    replace: '',
  },
  {
    name: 'an endpoint of OpenID Connect is passed on in capitals',
    invariant,
    file: 'apps/gateway/src/oidc/oidc-proxy.ts',
    caughtBy: 'apps/gateway/src/limits/edge-limits.spec.ts',
    find: 'if (!plainEndpoint.test(path)) throw unknownPath();',
    replace: '',
  },
  {
    name: 'the gateway is whoever it is called',
    invariant,
    file: 'libs/platform/src/http/hosts.ts',
    caughtBy: 'libs/platform/src/http/hosts.spec.ts',
    find: 'if (this.#names.has(name) || isLoopback(name) ||',
    replace: 'if (true ||',
  },
  {
    name: 'the OpenID library says which pages may read its answers',
    invariant,
    file: 'apps/gateway/src/oidc/oidc-proxy.ts',
    caughtBy: 'apps/gateway/src/oidc/oidc-proxy.spec.ts',
    find: 'endToEnd(answer.headers, permissions)',
    replace: 'endToEnd(answer.headers)',
  },
  {
    name: 'strangers say how many traces are kept',
    invariant,
    file: 'libs/platform/src/telemetry/sampling.ts',
    caughtBy: 'libs/platform/src/telemetry/sampling.spec.ts',
    find: 'if (freeAt - now > MINUTE_MS) return false;',
    replace: '',
  },
  {
    name: 'every Upgrade is taken for a websocket',
    invariant,
    file: 'libs/platform/src/http/server.ts',
    caughtBy: 'apps/gateway/src/graph/subscriptions/sockets.spec.ts',
    find: "return method === 'GET' && httpVersion === '1.1' && upgrade?.toLowerCase() === 'websocket';",
    replace: 'return true;',
  },
];
