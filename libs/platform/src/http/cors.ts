import type { FastifyReply, FastifyRequest } from 'fastify';

/** How long a browser may remember what a preflight was told, in seconds. */
const REMEMBERED_S = 600;
/** What a page may send beside what every page may: a token, a key, a condition, a trace. Cookies it may not. */
const SENT = 'authorization, content-type, idempotency-key, if-match, if-none-match, traceparent';
/** What a page may read beside what every page may. */
const READ = [
  'age, cache-status, deprecation, etag, idempotency-replayed, link, location, ratelimit, ratelimit-policy, retry-after, sunset',
  'www-authenticate',
].join(', ');

/**
 * Which other sites' pages may call a service, by a list of origins; none by default. Never with credentials: a page
 * proves who it speaks for by a token, so that no cookie of ours is of use to it. (@fastify/cors would do, but answers
 * a preflight for paths and methods that there are not.)
 */
export class Cors {
  readonly #origins: ReadonlySet<string>;

  constructor(origins: readonly string[]) {
    this.#origins = new Set(origins);
  }

  /** Answers a preflight of a page that may call; false where the request is none. `methods`: what the path takes. */
  answered(request: FastifyRequest, reply: FastifyReply, methods: () => readonly string[]): boolean {
    const { origin, 'access-control-request-method': wanted } = request.headers;
    if (request.method !== 'OPTIONS' || wanted === undefined || !this.#allows(origin)) return false;
    const taken = methods();
    if (taken.length === 0) return false;
    const allowed = {
      'access-control-allow-methods': taken.join(', '),
      'access-control-allow-headers': SENT,
      'access-control-max-age': String(REMEMBERED_S),
    };
    void reply.code(204).headers(allowed).send();
    return true;
  }

  /**
   * Lets such a page read an answer. Whoever keeps answers has to know that they differ by origin, also those to
   * others.
   */
  mark(request: FastifyRequest, reply: FastifyReply): void {
    if (this.#origins.size === 0) return;
    const vary = String(reply.getHeader('vary') ?? '');
    if (!/\borigin\b/i.test(vary)) void reply.header('vary', vary === '' ? 'Origin' : `${vary}, Origin`);
    const { origin } = request.headers;
    if (this.#allows(origin))
      void reply.headers({ 'access-control-allow-origin': origin, 'access-control-expose-headers': READ });
  }

  #allows(origin: string | undefined): origin is string {
    return origin !== undefined && this.#origins.has(origin);
  }
}
