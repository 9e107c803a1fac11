import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ServerSettings } from '../config/settings.ts';
import { answerBrokenRequest, bareHeaders } from './broken-request.ts';
import { mergePatch } from './media-types.ts';
import { problemOf } from './problem-of.ts';

const bodyLimit = 64 * 1024;
const maxConnections = 4_096;

/** Fastify with every default that waits for ever or takes without bound set to something a stranger cannot abuse. */
export function createAdapter(settings: ServerSettings): FastifyAdapter {
  const adapter = new FastifyAdapter({
    bodyLimit,
    trustProxy: settings.TRUST_PROXY.length > 0 ? settings.TRUST_PROXY : false,
    // A whole request, headers and body, has to arrive in this time; Node looks every second.
    requestTimeout: 10_000,
    http: { headersTimeout: 5_000, connectionsCheckingInterval: 1_000, maxHeaderSize: 16 * 1024 },
    // A socket on which nothing moves; long enough for a slow answer or a heartbeat.
    connectionTimeout: 60_000,
    // Longer than our own clients keep an idle connection, so that they are the ones who close it.
    keepAliveTimeout: 30_000,
    routerOptions: { maxParamLength: 128 },
    // While draining, a request that still comes on an open connection is served, and told that it was the last one.
    return503OnClosing: false,
    clientErrorHandler: answerBrokenRequest,
    frameworkErrors: answerUnroutable,
  });
  const fastify = adapter.getInstance();
  fastify.server.maxConnections = maxConnections;
  // JSON is the only body we read; anything else is 415. Also keeps HTML forms of other sites out.
  fastify.removeContentTypeParser('text/plain');
  fastify.addContentTypeParser(mergePatch, { parseAs: 'string' }, fastify.getDefaultJsonParser('error', 'error'));
  return adapter;
}

/** A URL that cannot be decoded, or an endless parameter: the router says so before any hook or filter. */
function answerUnroutable(error: Error, _request: FastifyRequest, reply: FastifyReply): void {
  const { problem } = problemOf(error, {});
  void reply.code(problem.status).headers(bareHeaders).type('application/problem+json').send(JSON.stringify(problem));
}
