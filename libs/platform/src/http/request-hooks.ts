import { context, SpanKind, SpanStatusCode, type Context } from '@opentelemetry/api';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type {} from '../auth/principal.ts';
import type { Failure, Logger } from '../service/logger.ts';
import { budgetHeader, withDeadline } from '../telemetry/deadline.ts';
import { durationBuckets, meter } from '../telemetry/metrics.ts';
import { startIncoming, type Work } from '../telemetry/tracing.ts';
import type { Cors } from './cors.ts';
import type { Hosts } from './hosts.ts';
import { HttpProblem } from './http-problem.ts';
import { KnownPaths } from './known-paths.ts';
import { malformation } from './malformation.ts';
import { languageRefusal } from './media-types.ts';
import { typeOf } from './problem-of.ts';
import { tagListRefusal } from './request-headers.ts';
import { targetOf, type RequestTarget } from './request-target.ts';
import { secureHeaders } from './secure-headers.ts';
import { encodingRefusal } from './text-bodies.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Trace and deadline, and why it cannot be answered as it should; undefined once the request is over. */
    work: (Work & { readonly startedAt: number; failure?: Failure }) | undefined;
  }
}

interface HookOptions {
  readonly logger: Logger;
  /** Strangers talk to it: their idea of a deadline is not taken, and what they get is not cached by default. */
  readonly public: boolean;
  /** Milliseconds for a request, unless its caller gives it less. */
  readonly budget: number;
  readonly draining: () => boolean;
  /** Which other sites' pages may call. */
  readonly cors: Cors;
  /** By which names it may be asked; undefined inside, where names are the network's. */
  readonly hosts: Hosts | undefined;
  /** What is behind, if anything: then requests are turned away, but for questions about health. */
  readonly overloaded: () => string | undefined;
  /** Whether nothing may be served but questions about health. */
  readonly closed: () => boolean;
}

/** There is too much to do: 503. */
export const overloaded = (): HttpProblem =>
  new HttpProblem(503, 'overloaded', 'There is more to do than can be done now. Try again.', {
    headers: { 'retry-after': '1' },
  });

/** What it would answer may be wrong: 503. */
const closed = () =>
  new HttpProblem(503, 'unavailable', 'This service must not answer at the moment. Try again later.', {
    headers: { 'retry-after': '5' },
  });

const { status, code, message: detail, headers } = overloaded();
/** Written once: it is said most where there is least time. */
const turnedAway = JSON.stringify({ type: typeOf(code), title: 'Service Unavailable', status, code, detail });

/** Answers so before any work is done. */
export function turnAway(reply: FastifyReply): void {
  void reply.code(status).headers(headers).type('application/problem+json').send(turnedAway);
}

/**
 * What happens around every request: trace and deadline begin, one line is logged, an unknown path is told from a wrong
 * method. Returns what is routed.
 */
export function addRequestHooks(fastify: FastifyInstance, options: HookOptions): KnownPaths {
  const paths = new KnownPaths();
  const finish = finisher(options.logger);
  fastify.decorateRequest('target', undefined);
  fastify.decorateRequest('work', undefined);
  fastify.decorateRequest('principal', undefined);
  fastify.addHook('onRoute', ({ url, method }) => paths.add(url, [method].flat()));

  fastify.addHook('onRequest', (request, reply, done) => {
    const target = targetOf(request);
    if (options.public) reply.headers(secureHeaders);
    if (!isHealth(target.route) && options.overloaded() !== undefined) return turnAway(reply);
    const budget = options.public ? options.budget : grantedBudget(request.headers[budgetHeader], options.budget);
    begin(request, budget);
    const malformed = malformation(request) ?? options.hosts?.refusal(request);
    if (malformed) return done(malformed);
    if (options.closed() && !isHealth(target.route)) return done(closed());
    if (options.cors.answered(request, reply, () => paths.methodsOf(target.path))) return;
    if (target.route === undefined && toldMethods(request, reply, paths)) return;
    if (target.route === undefined) return done(refusal(target, paths));
    if (budget <= 0) return done(new HttpProblem(503, 'deadline-exceeded', 'The caller has no time left to wait.'));
    const { 'content-type': type, 'content-encoding': encoding } = request.headers;
    done(languageRefusal(request.method, type) ?? encodingRefusal(type, encoding) ?? tagListRefusal(request.headers));
  });
  // Not before: the events of reading a body run in the socket's context, so the request's would be lost there.
  fastify.addHook('preValidation', (request, _reply, done) => context.with(contextOf(request), done));
  fastify.addHook('onSend', (request, reply, _payload, done) => {
    reply.header('x-content-type-options', 'nosniff');
    if (options.draining()) reply.header('connection', 'close');
    // What was answered to somebody is for nobody else, whatever a route says of it.
    if (request.principal) reply.header('cache-control', 'private, no-store');
    else if (options.public && !reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store');
    options.cors.mark(request, reply);
    done();
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    finish(request, reply.statusCode);
    done();
  });
  // The caller hung up, so there is no response: 499, as nginx calls it.
  fastify.addHook('onRequestAbort', (request, done) => {
    finish(request, 499);
    done();
  });
  return paths;
}

/** The context of a request's work; the ambient one where the router refused the URL before any hook ran. */
export function contextOf(request: FastifyRequest): Context {
  return request.work?.within ?? context.active();
}

function begin(request: FastifyRequest, budget: number): void {
  const { span, within } = startIncoming(SpanKind.SERVER, `${request.method} ${routeOf(request)}`, request.headers);
  request.work = { span, within: withDeadline(within, budget), startedAt: performance.now() };
}

function grantedBudget(header: string | string[] | undefined, most: number): number {
  const asked = typeof header === 'string' && header !== '' ? Number(header) : NaN;
  return Number.isFinite(asked) ? Math.min(asked, most) : most;
}

/** OPTIONS (RFC 9110, 9.3.7): what may be done at this path, or, by `*`, here at all. */
function toldMethods(request: FastifyRequest, reply: FastifyReply, paths: KnownPaths): boolean {
  if (request.method !== 'OPTIONS') return false;
  const { path } = targetOf(request);
  const methods = path === '*' ? ['GET', 'HEAD', 'PATCH', 'POST'] : paths.methodsOf(path);
  if (methods.length === 0) return false;
  void reply
    .code(204)
    .header('allow', [...methods, 'OPTIONS'].sort().join(', '))
    .send();
  return true;
}

/** 404: nothing is there, whatever the method. */
export const unknownPath = (): HttpProblem => new HttpProblem(404, 'unknown-path', 'There is nothing at this path.');

function refusal({ path }: RequestTarget, paths: KnownPaths): HttpProblem {
  const methods = paths.methodsOf(path);
  if (methods.length === 0) return unknownPath();
  const allow = methods.join(', ');
  return new HttpProblem(405, 'method-not-allowed', `This path takes ${allow}.`, { headers: { allow } });
}

const isHealth = (route: string | undefined): boolean => route !== undefined && route.startsWith('/health/');

/**
 * Ends a request once: its span, its one log line, and its place among the rates, errors and durations of its route.
 */
function finisher(logger: Logger): (request: FastifyRequest, status: number) => void {
  const durations = meter().createHistogram('http.server.request.duration', {
    unit: 's',
    description: 'How long requests took, by route and status',
    advice: { explicitBucketBoundaries: durationBuckets },
  });
  return (request, status) => {
    if (!request.work) return;
    const { span, within, startedAt, failure } = request.work;
    const { method } = request;
    const route = routeOf(request);
    const attributes = { 'http.request.method': method, 'http.route': route, 'http.response.status_code': status };
    span.setAttributes(attributes);
    if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end();
    request.work = undefined;
    if (isHealth(route)) return;
    const ms = performance.now() - startedAt;
    durations.record(ms / 1e3, attributes);
    context.with(within, () =>
      logger.request({
        method,
        route,
        status,
        ms: Math.round(ms * 10) / 10,
        traceId: span.spanContext().traceId,
        ...failure,
      }),
    );
  };
}

/** The pattern, never the path: a path may name a person, and a dashboard wants one line per route. */
function routeOf(request: FastifyRequest): string {
  return targetOf(request).route ?? 'unknown';
}
