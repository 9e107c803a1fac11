import { context, SpanKind, SpanStatusCode, type Context, type Span } from '@opentelemetry/api';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Principal } from '../auth/principal.ts';
import type { Logger } from '../service/logger.ts';
import { budgetHeader, withDeadline } from '../telemetry/deadline.ts';
import { startIncoming } from '../telemetry/tracing.ts';
import { HttpProblem } from './http-problem.ts';
import { KnownPaths } from './known-paths.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Trace and deadline of this request. Undefined where the router refused the URL before any hook ran. */
    within?: Context;
    span?: Span;
    principal?: Principal;
  }
}

interface HookOptions {
  readonly logger: Logger;
  /** Browsers and strangers talk to it: their idea of a deadline is not taken. */
  readonly public: boolean;
  /** Milliseconds for a request whose caller says nothing. */
  readonly budget: number;
  readonly draining: () => boolean;
}

/** What happens around every request: its trace and deadline begin, one line is logged, an unknown path is told from a wrong method. */
export function addRequestHooks(fastify: FastifyInstance, options: HookOptions): void {
  const paths = new KnownPaths();
  fastify.decorateRequest('within', undefined);
  fastify.decorateRequest('span', undefined);
  fastify.decorateRequest('principal', undefined);
  fastify.addHook('onRoute', ({ url, method }) => paths.add(url, [method].flat()));

  fastify.addHook('onRequest', (request, _reply, done) => {
    const { span, within } = startIncoming(SpanKind.SERVER, `${request.method} ${routeOf(request)}`, request.headers);
    const budget = options.public ? options.budget : grantedBudget(request.headers[budgetHeader], options.budget);
    request.span = span;
    request.within = withDeadline(within, budget);
    if (request.is404) return done(refusal(request, paths));
    done(budget > 0 ? undefined : new HttpProblem(503, 'deadline-exceeded', 'The caller has no time left to wait.'));
  });
  // After the body has been read: its events run in the socket's context, not in the request's.
  fastify.addHook('preValidation', (request, _reply, done) => context.with(request.within ?? context.active(), done));
  fastify.addHook('onSend', (_request, reply, _payload, done) => {
    if (options.draining()) reply.header('connection', 'close');
    if (options.public && !reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store');
    done();
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    finish(request, reply.statusCode, reply, options.logger);
    done();
  });
}

function grantedBudget(header: string | string[] | undefined, most: number): number {
  const asked = typeof header === 'string' && header !== '' ? Number(header) : NaN;
  return Number.isFinite(asked) ? Math.min(asked, most) : most;
}

function refusal(request: FastifyRequest, paths: KnownPaths): HttpProblem {
  const methods = paths.methodsOf(request.url.split('?', 1)[0] ?? '/');
  if (methods.length === 0) return new HttpProblem(404, 'unknown-path', 'There is nothing at this path.');
  const allow = methods.join(', ');
  return new HttpProblem(405, 'method-not-allowed', `This path takes ${allow}.`, { headers: { allow } });
}

function finish(request: FastifyRequest, status: number, reply: FastifyReply, logger: Logger): void {
  const route = routeOf(request);
  request.span?.setAttributes({ 'http.route': route, 'http.response.status_code': status });
  if (status >= 500) request.span?.setStatus({ code: SpanStatusCode.ERROR });
  request.span?.end();
  if (route.startsWith('/health/')) return;
  logger.info({ method: request.method, route, status, ms: Math.round(reply.elapsedTime * 10) / 10, traceId: request.span?.spanContext().traceId }, 'request');
}

/** The pattern, never the path: a path may name a person, and thousands of paths are one line of a dashboard. */
function routeOf(request: FastifyRequest): string {
  return request.routeOptions.url ?? 'unknown';
}
