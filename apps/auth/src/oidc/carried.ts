import { errors, type Adapter, type AdapterPayload } from 'oidc-provider';
import { cookieOf, setCookie } from '../sign-in/cookies.ts';
import { currentExchange, type Exchange } from './exchange.ts';
import type { Sealing } from './sealing.ts';

/** Characters of a cookie's value: browsers take 4,096 with its name. About 2,800 bytes of a request are left. */
const longest = 3_900;

/** What a browser carries of a model, in which cookie, and to which of our pages. */
interface Carried {
  readonly cookie: string;
  readonly carries: (payload: AdapterPayload) => boolean;
  /** Below the issuer's path. */
  readonly path: (id: string) => string;
}

const carried: Readonly<Record<string, Carried>> = {
  // The way to an application, until somebody has given a password or an answer.
  Interaction: {
    cookie: 'shop_sign_in',
    carries: ({ result, lastSubmission }) => !result && !lastSubmission,
    path: (id) => `/interaction/${id}`,
  },
  // A session in which nobody has signed in is there for the form of the sign-out page alone.
  Session: { cookie: 'shop_sign_out', carries: ({ accountId }) => !accountId, path: () => '/session/end' },
};

/** How cookies are made here. */
interface CarriedOptions {
  readonly sealing: Sealing;
  readonly issuer: string;
}

/**
 * Leaves with the browser, sealed in a cookie, what the library wants kept before anybody has typed anything: a
 * stranger's request costs no row (ADR 38). What must be good once, or hold for somebody, is kept in `store`.
 */
export function carriedByBrowser(model: string, store: Adapter, { sealing, issuer }: CarriedOptions): Adapter {
  const kind = carried[model];
  if (!kind) return store;
  const { pathname, protocol } = new URL(issuer);
  const secure = protocol === 'https:';
  const purpose = (id: string) => `${model}:${id}`;
  /** Without an age it is taken back. */
  const set = ({ reply }: Exchange, id: string, value: string, maxAge = 0) =>
    setCookie(reply, kind.cookie, value, { path: pathname + kind.path(id), maxAge, secure });
  const opened = (id: string) => {
    const exchange = currentExchange();
    const sealed = exchange && cookieOf(exchange.request, kind.cookie, secure);
    return sealed === undefined ? undefined : sealing.open(sealed, purpose(id));
  };
  const forget = (id: string) => {
    const exchange = currentExchange();
    if (exchange && opened(id) !== undefined) set(exchange, id, '');
  };
  return {
    async upsert(id, payload, expiresIn) {
      const exchange = currentExchange();
      if (!exchange || !kind.carries(payload)) {
        forget(id);
        return store.upsert(id, payload, expiresIn);
      }
      const sealed = sealing.seal(JSON.stringify(payload), purpose(id));
      if (sealed.length > longest) throw new errors.InvalidRequest('the parameters of this request are too long');
      set(exchange, id, sealed, expiresIn);
    },
    async find(id) {
      const text = opened(id);
      return text === undefined ? store.find(id) : (JSON.parse(text) as AdapterPayload);
    },
    async destroy(id) {
      forget(id);
      return store.destroy(id);
    },
    findByUid: (uid) => store.findByUid(uid),
    findByUserCode: (userCode) => store.findByUserCode(userCode),
    consume: (id) => store.consume(id),
    revokeByGrantId: (grantId) => store.revokeByGrantId(grantId),
  };
}
