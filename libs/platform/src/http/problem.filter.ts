import { Catch, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Logger } from '../service/logger.ts';
import { currentTraceId } from '../telemetry/tracing.ts';
import { problemOf, whyOf } from './problem-of.ts';
import { contextOf } from './request-hooks.ts';
import { targetOf } from './request-target.ts';

/** Answers every failure of a service, Fastify's own included, as problem+json. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(private readonly logger: Logger) {}

  catch(error: unknown, host: ArgumentsHost): void {
    // Who speaks another protocol to its clients has a mapping of its own.
    if (host.getType<string>() !== 'http') throw error;
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    // From the request, not from the ambient context: a body that cannot be parsed fails outside of it.
    const traceId = currentTraceId(contextOf(request));
    const { problem, headers } = problemOf(error, { instance: targetOf(request).path, traceId });
    if (problem.code === 'internal-error') this.logger.error({ err: error, traceId }, 'request failed: a bug');
    // No bug: no stack, which costs more than the answer, and is asked for most where there is least time. It stands in
    // the request's own line.
    else if (problem.status >= 500 && request.work) request.work.failure = { code: problem.code, why: whyOf(error) };
    // Too late for an answer: what was begun must not look complete.
    if (reply.sent || reply.raw.headersSent) return void reply.raw.destroy();
    void reply.code(problem.status).headers(headers).type('application/problem+json').send(JSON.stringify(problem));
  }
}
