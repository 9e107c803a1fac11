import { addFormParser, addTextParser, malformedForm, targetOf, wholeOf } from '@shop/platform';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { keepExchanges } from './exchange.ts';
import type { ProviderHost } from './provider-host.ts';

/**
 * Puts the provider under the issuer's path. It reads its requests itself, so this corner of Fastify parses no body.
 * Where the provider believes itself to be is the issuer and nothing a caller can say: a forged X-Forwarded-Host would
 * otherwise end up in the discovery document and in the links of the sign-in page.
 */
export async function mount(server: FastifyInstance, provider: ProviderHost, issuer: string): Promise<void> {
  const { pathname, host, protocol } = new URL(issuer);
  if (pathname !== '/oidc') throw new Error(`ISSUER must end in /oidc, where the sign-in pages are`);
  // The platform reads JSON only, so that no form of another site is ever taken. Ours is: it proves by its token where
  // it comes from, and the one other address that takes a body here, registration, gives a form nothing that a stranger
  // has not.
  addFormParser(server);
  keepExchanges(server, pathname);
  await server.register((corner) => takePosted(corner, `${issuer}/auth`));
  await server.register(async (corner) => {
    corner.removeAllContentTypeParsers();
    corner.addContentTypeParser('*', (_request, _body, done) => done(null));
    const handler = (request: FastifyRequest, reply: FastifyReply) => {
      const { raw } = request;
      // Parameters are kept while somebody signs in, and Postgres has no NUL.
      const whole = wholeOf(targetOf(request));
      if (whole.includes('%00'))
        return reply.code(400).send({ error: 'invalid_request', error_description: 'NUL in a parameter' });
      reply.hijack();
      raw.headers['x-forwarded-host'] = host;
      raw.headers['x-forwarded-proto'] = protocol.slice(0, -1);
      // How Express and Connect say where something is mounted, which oidc-provider understands.
      Object.assign(raw, { originalUrl: whole, url: whole.slice(pathname.length) });
      return provider.answer(raw, reply.raw);
    };
    corner.route({ method: ['GET', 'HEAD', 'POST', 'OPTIONS'], url: `${pathname}/*`, handler });
  });
}

/**
 * A request for a sign-in may also be posted (OpenID Connect Core 1.0, 3.1.2.1). It is sent on as the GET that it
 * stands for: the library would take it only with a session cookie that every other site makes browsers send
 * (SameSite=None).
 */
async function takePosted(corner: FastifyInstance, authorization: string): Promise<void> {
  corner.removeAllContentTypeParsers();
  // Not as an object: a parameter that is there twice has to be refused.
  addTextParser(corner, 'application/x-www-form-urlencoded', malformedForm, (text) => text);
  corner.post(new URL(authorization).pathname, (request, reply) =>
    reply.redirect(`${authorization}?${new URLSearchParams(String(request.body ?? ''))}`, 303),
  );
}
