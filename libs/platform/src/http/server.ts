import type { IncomingMessage, Server } from 'node:http';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyBodyParser, FastifyReply, FastifyRequest } from 'fastify';
import type { ServerSettings } from '../config/settings.ts';
import { answerBrokenRequest, answerExpectation, bareHeaders } from './broken-request.ts';
import { HttpProblem } from './http-problem.ts';
import { deepestJson, isTooDeep } from './json-depth.ts';
import { mergePatch } from './media-types.ts';
import { problemOf } from './problem-of.ts';
import { addTextParser, hasHalfCharacter } from './text-bodies.ts';

const bodyLimit = 64 * 1024;

/**
 * Whether a request asks to go on as a WebSocket (RFC 6455 §4.1). A client that would rather go on in anything else, as
 * Java's and curl's do in HTTP/2 (`h2c`), gets its answer in HTTP/1.1: an upgrade is an offer, which who does not know
 * it ignores (RFC 9110 §7.8).
 */
export function asksForSocket({ method, httpVersion, headers: { upgrade } }: IncomingMessage): boolean {
  return method === 'GET' && httpVersion === '1.1' && upgrade?.toLowerCase() === 'websocket';
}

/**
 * Asked by Node of every request with an Upgrade; without it, where anybody listens for upgrades, all of them would be
 * taken out of HTTP.
 */
function shouldUpgradeCallback(this: Server, request: IncomingMessage): boolean {
  return asksForSocket(request) && this.listenerCount('upgrade') > 0;
}

/** Fastify with every default that waits for ever or takes without bound set to something a stranger cannot abuse. */
export function createAdapter(settings: ServerSettings): FastifyAdapter {
  const adapter = new FastifyAdapter({
    bodyLimit,
    trustProxy: settings.TRUST_PROXY.length > 0 ? settings.TRUST_PROXY : false,
    // A whole request, headers and body, has to arrive in this time; Node looks every second.
    requestTimeout: 10_000,
    http: {
      headersTimeout: 5_000,
      connectionsCheckingInterval: 1_000,
      maxHeaderSize: 16 * 1024,
      requireHostHeader: false,
      shouldUpgradeCallback,
    },
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
  fastify.server.on('checkExpectation', answerExpectation);
  fastify.server.maxConnections = settings.MAX_CONNECTIONS;
  // Behind a proxy, all come from its address.
  if (settings.TRUST_PROXY.length === 0) shareConnections(fastify.server, Math.ceil(settings.MAX_CONNECTIONS / 2));
  // JSON is the only body we read; anything else is 415. Also keeps HTML forms of other sites out.
  fastify.removeContentTypeParser('text/plain');
  fastify.removeContentTypeParser('application/json');
  addTextParser(
    fastify,
    ['application/json', mergePatch],
    malformedJson,
    shallowJson(fastify.getDefaultJsonParser('error', 'error')),
  );
  return adapter;
}

/** Nobody alone takes all connections: of those from one address, the ones beyond `most` are closed unread. */
function shareConnections(server: Server, most: number): void {
  const open = new Map<string, number>();
  server.on('connection', (socket) => {
    const { remoteAddress: address } = socket;
    if (address === undefined) return;
    const count = (open.get(address) ?? 0) + 1;
    open.set(address, count);
    socket.once('close', () => {
      const left = (open.get(address) ?? 1) - 1;
      if (left === 0) open.delete(address);
      else open.set(address, left);
    });
    if (count > most) socket.destroy();
  });
}

/**
 * Fastify's own reader of JSON, which refuses prototypes, for texts that are not too deep and whose characters are
 * whole.
 */
function shallowJson(read: FastifyBodyParser<string>): (text: string, request: FastifyRequest) => unknown {
  return (text, request) => {
    if (isTooDeep(text)) throw new HttpProblem(400, 'json-too-deep', `JSON nests at most ${deepestJson} levels here.`);
    let value: unknown;
    void read(request, text, (error, body) => {
      if (error) throw error;
      value = body;
    });
    if (/\\u[dD][89a-fA-F]/.test(text) && hasHalfCharacter(value)) throw malformedJson();
    return value;
  };
}

const malformedJson = (): HttpProblem =>
  new HttpProblem(400, 'malformed-json', 'Body is not valid JSON: it has to be UTF-8.');

/** A URL that cannot be decoded, or an endless parameter: the router says so before any hook or filter. */
function answerUnroutable(error: Error, _request: FastifyRequest, reply: FastifyReply): void {
  const { problem } = problemOf(error, {});
  void reply.code(problem.status).headers(bareHeaders).type('application/problem+json').send(JSON.stringify(problem));
}
