import { isUtf8 } from 'node:buffer';
import type { IncomingHttpHeaders } from 'node:http';
import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { DomainError } from '@shop/kernel';
import {
  currentTraceparent,
  HttpProblem,
  Instances,
  isEncodedUtf8,
  malformedForm,
  neverArrived,
  remainingBudget,
  targetOf,
  unknownPath,
  wholeOf,
} from '@shop/platform';
import { handleWhen, retry } from 'cockatiel';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { errors, type Dispatcher } from 'undici';
import { GatewayConfig } from '../gateway.config.ts';

const CONNECTIONS = 64;

/**
 * About one connection, not about the message (RFC 9110, 7.6.1): never passed on. So is whatever `Connection` names.
 */
const hopByHop = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
];
/** Said by us alone, whatever the client claims. */
const forwarding = ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-forwarded-port'];
const ours = ['host', 'expect', 'traceparent', 'tracestate', 'x-request-budget-ms', ...forwarding];

/**
 * Which pages may read an answer is said by one list (CORS_ORIGINS), and not by the library, which lets those of every
 * site.
 */
const permissions = [
  'allow-origin',
  'allow-credentials',
  'allow-methods',
  'allow-headers',
  'expose-headers',
  'max-age',
].map((what) => `access-control-${what}`);

/** What has a class of limits of its own (quotas.ts) is a route of its own; the rest goes by one. */
const oidcRoutes = [
  { url: '/oidc/auth', method: ['GET', 'HEAD'] },
  { url: '/oidc/token', method: ['POST'] },
  { url: '/oidc/token/*', method: ['POST'] },
  { url: '/oidc/*', method: ['GET', 'HEAD', 'POST'] },
];
/**
 * The library behind takes capitals for small letters in the names of its endpoints, and would so answer at paths that
 * are counted as others.
 */
const plainEndpoint = /^\/oidc\/[a-z.-]+(?:\/|$)/;

/** Endpoints that no cookie is for: a program may ask them by any name of ours. */
const forPrograms = /^\/oidc\/(?:\.well-known\/|jwks$|token(?:\/|$))/;
const movedCookie = 'shop_moved=1';
/** By which browsers take a cookie over TLS only. */
const securePrefix = '__Secure-';

/**
 * Passes /oidc/* through to auth as it is: forms, cookies and redirects belong to the OpenID Connect library there.
 * Bodies are passed on byte by byte; only whether they are text is looked at. The instances take turns; one that
 * refuses the connection has seen nothing, so the next is asked.
 */
@Injectable()
export class OidcProxy implements OnModuleInit, OnApplicationShutdown {
  private readonly auth: Instances;
  private readonly failover;
  private readonly issuer: URL;

  constructor(
    private readonly config: GatewayConfig,
    private readonly host: HttpAdapterHost,
  ) {
    this.auth = new Instances(config.AUTH_URLS, CONNECTIONS);
    this.failover = retry(handleWhen(neverArrived), { maxAttempts: this.auth.count - 1 });
    this.issuer = new URL(config.ISSUER);
  }

  onModuleInit(): void {
    const fastify = this.host.httpAdapter.getInstance<FastifyInstance>();
    // A context of its own, in which no body is parsed. Not awaited: it is loaded with the server, once Nest has set
    // its error handler.
    void fastify.register((scope, _options, done) => {
      scope.removeAllContentTypeParsers();
      scope.addContentTypeParser<Buffer>('*', { parseAs: 'buffer' }, (request, body, read) =>
        isText(body, request.mediaType) ? read(null, body) : read(malformedForm()),
      );
      // What OpenID Connect is spoken with; any other method is 405. OPTIONS is answered here (request-hooks.ts): which
      // pages may call is ours to say.
      for (const route of oidcRoutes) scope.route({ ...route, handler: (request, reply) => this.pass(request, reply) });
      done();
    });
  }

  onApplicationShutdown(): Promise<void> {
    return this.auth.close();
  }

  private async pass(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const { path } = targetOf(request);
    if (!plainEndpoint.test(path)) throw unknownPath();
    if (this.leadsAstray(request, path)) return this.toIssuer(request, reply);
    const over = new AbortController();
    // Waiting for a connection counts, too: undici's own time-outs begin only when the request is sent.
    const late = setTimeout(() => over.abort(new errors.HeadersTimeoutError()), remainingBudget());
    reply.raw.once('close', () => {
      clearTimeout(late);
      over.abort();
    });
    const answer = await this.failover.execute(() => this.ask(request, over.signal)).catch(failed);
    return reply.status(answer.statusCode).headers(endToEnd(answer.headers, permissions)).send(answer.body);
  }

  /** A browser that begins at `localhost` would look in vain for its cookies at 127.0.0.1, where the pages are. */
  private leadsAstray(request: FastifyRequest, path: string): boolean {
    return (
      !forPrograms.test(path) &&
      request.hostname.toLowerCase() !== this.issuer.hostname &&
      !request.headers.cookie?.includes(movedCookie)
    );
  }

  /**
   * The cookie comes back only where it was not the browser that named another host, but a proxy before us: not round
   * and round.
   */
  private toIssuer(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const [prefix, secure] = this.issuer.protocol === 'https:' ? [securePrefix, '; Secure'] : ['', ''];
    return reply
      .header('set-cookie', `${prefix}${movedCookie}; Path=/oidc; Max-Age=5; HttpOnly; SameSite=Lax${secure}`)
      .redirect(new URL(wholeOf(targetOf(request)), this.issuer).href, 307);
  }

  private ask(request: FastifyRequest, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
    return this.auth.use((pool) =>
      pool.request({
        method: request.method as Dispatcher.HttpMethod,
        path: wholeOf(targetOf(request)),
        headers: {
          ...endToEnd(request.headers, this.isAllowedPage(request) ? [...ours, 'origin'] : ours),
          ...this.forwarded(request),
          ...ourWork(),
        },
        body: Buffer.isBuffer(request.body) ? request.body : null,
        signal,
      }),
    );
  }

  /**
   * The library refuses tokens to every page that says where it is from; those of the list may have them. Pages of its
   * own look at the origin themselves.
   */
  private isAllowedPage(request: FastifyRequest): boolean {
    const { origin } = request.headers;
    return (
      origin !== undefined &&
      this.config.CORS_ORIGINS.includes(origin) &&
      targetOf(request).path.startsWith('/oidc/token')
    );
  }

  /**
   * Where the client stands, and by which address the world knows us: from the configuration, because a Host header can
   * be made up.
   */
  private forwarded(request: FastifyRequest): Record<string, string> {
    return {
      'x-forwarded-for': request.ip,
      'x-forwarded-host': this.issuer.host,
      'x-forwarded-proto': this.issuer.protocol.slice(0, -1),
    };
  }
}

/** The trace this belongs to, and how long we wait. */
const ourWork = () => ({
  traceparent: currentTraceparent(),
  'x-request-budget-ms': String(Math.max(1, Math.floor(remainingBudget()))),
});

/** The library behind would take any other byte for U+FFFD, and store what nobody can type again. */
const isText = (body: Buffer, type: string | undefined): boolean =>
  isUtf8(body) && (type !== 'application/x-www-form-urlencoded' || isEncodedUtf8(body.toString()));

function endToEnd<H extends IncomingHttpHeaders>(headers: H, without: readonly string[] = []): H {
  // Not split by a pattern with the spaces in it: sixteen thousand of them would keep it busy for most of a second.
  const named = String(headers.connection ?? '')
    .toLowerCase()
    .split(',')
    .map((name) => name.trim());
  const dropped = new Set([...hopByHop, ...named, ...without]);
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !dropped.has(name))) as H;
}

/** 503: nothing was sent. 504: no answer in time. 502: the connection broke; in both it may have acted. */
function problemOf(error: unknown): Error {
  if (neverArrived(error))
    return new DomainError('unavailable', 'unavailable', 'Signing in is not possible at the moment. Try again.');
  return error instanceof errors.HeadersTimeoutError
    ? new HttpProblem(504, 'upstream-timeout', 'auth did not answer in time.')
    : new HttpProblem(502, 'upstream-broken', 'auth broke off its answer.');
}

function failed(error: unknown): never {
  throw Object.assign(problemOf(error), { cause: error });
}
