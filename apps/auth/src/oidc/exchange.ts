import { AsyncLocalStorage } from 'node:async_hooks';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/** One request under OpenID Connect's paths, and what was learnt while it is answered. */
export interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  /** Under which version of an account's credentials the sign-in began that this request goes on with, by account. */
  readonly credentials: Map<string, number>;
}

const exchanges = new AsyncLocalStorage<Exchange>();

/** The request at hand. The library calls its adapter without it. */
export const currentExchange = (): Exchange | undefined => exchanges.getStore();

/** Makes every request at or below `path` the current one while it is answered. */
export function keepExchanges(server: FastifyInstance, path: string): void {
  // Not before: the events of reading a body run in the socket's context, so the request's would be lost there.
  server.addHook('preValidation', (request, reply, done) => {
    if (!request.routeOptions.url?.startsWith(path)) return done();
    exchanges.run({ request, reply, credentials: new Map() }, done);
  });
}
