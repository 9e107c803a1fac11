import { ServerResponse, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
  type OnModuleInit,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { asksForSocket, Health, HttpProblem, LocalRateLimiter, Logger, targetOf, type Quota } from '@shop/platform';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { handleProtocols, type Server as Protocol } from 'graphql-ws';
import { WebSocketServer, type WebSocket } from 'ws';
import { GatewayConfig } from '../../gateway.config.ts';
import { SocketProtocol, type Extra } from './protocol.ts';

/** How many sockets an instance holds at most; beyond, another instance may have room. */
const MOST_SOCKETS = 2_000;
/** A document of an operation and its variables. */
const MOST_BYTES = 16 * 1024;
/**
 * What one socket may send, of whatever kind: operations have quotas of their own, but pings and what is no message
 * cost us something, too.
 */
const messages: Quota = { name: 'socket-messages', limit: 600, seconds: 60 };
/** A peer that does not answer one ping before the next is gone, in ms. */
const PING_MS = 15_000;
/** How long peers may take to say goodbye, in ms. */
const GOODBYE_MS = 1_000;
/** RFC 6455 and its registry: come again, by another instance. */
const SERVICE_RESTART = 1012;
/** The protocol is spoken in text, whose characters ws has checked; bytes would be taken for whatever they are not. */
const UNSUPPORTED_DATA = 1003;
const POLICY_VIOLATION = 1008;

/**
 * Opens sockets at /graphql and lets go of them: which there may be, which are still there, and that all are told when
 * we end.
 */
@Injectable()
export class Sockets implements OnModuleInit, OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly server = new WebSocketServer({
    noServer: true,
    maxPayload: MOST_BYTES,
    handleProtocols,
    perMessageDeflate: false,
  });
  private readonly protocol: Protocol<Extra>;
  private readonly pings = setInterval(() => this.ping(), PING_MS).unref();
  private readonly silent = new WeakSet<WebSocket>();
  private readonly sent = new LocalRateLimiter(MOST_SOCKETS);
  private openedUntilNow = 0;
  /** Requests that ask for a socket, each with the first bytes that came after it. */
  private readonly upgrades = new WeakMap<IncomingMessage, Buffer>();

  constructor(
    private readonly host: HttpAdapterHost,
    private readonly health: Health,
    private readonly logger: Logger,
    private readonly config: GatewayConfig,
    protocol: SocketProtocol,
  ) {
    this.protocol = protocol.server();
  }

  /** Behind every hook that begins a request: by then it was counted, and not turned away. */
  onModuleInit(): void {
    this.fastify.addHook('preParsing', (request, reply, _payload, done) => {
      const { raw } = request;
      const head = this.upgrades.get(raw);
      // Elsewhere nothing is there to go on in another protocol: the request is answered without it (RFC 9110 §7.8).
      if (!head || targetOf(request).route !== '/graphql') return done();
      if (!this.isWelcome(raw))
        return done(new HttpProblem(403, 'origin-not-allowed', 'Pages of this site may not open a socket here.'));
      if (this.health.draining || this.server.clients.size >= MOST_SOCKETS)
        return done(new HttpProblem(503, 'unavailable', 'There is no room for another socket here. Try again.'));
      this.open(raw, reply, head);
    });
  }

  onApplicationBootstrap(): void {
    const http = this.host.httpAdapter.getHttpServer() as Server;
    http.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => this.upgrade(request, socket, head));
  }

  /** Everybody is told to come again, and may: with the version that they saw last they miss nothing. */
  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.pings);
    const { clients } = this.server;
    for (const socket of clients) socket.close(SERVICE_RESTART, 'restarting');
    for (const until = performance.now() + GOODBYE_MS; clients.size > 0 && performance.now() < until; ) await sleep(10);
    for (const socket of clients) socket.terminate();
  }

  /**
   * Browsers open sockets for pages of any site and say of which: ours, or one that may call us (CORS_ORIGINS). Who is
   * no browser says nothing.
   */
  private isWelcome({ headers: { origin, host } }: IncomingMessage): boolean {
    return (
      origin === undefined ||
      this.config.CORS_ORIGINS.includes(origin) ||
      (URL.canParse(origin) && new URL(origin).host === host)
    );
  }

  private get fastify(): FastifyInstance {
    return this.host.httpAdapter.getInstance<FastifyInstance>();
  }

  /**
   * A request as any other, so that load shedding and limits see it; whatever it is answered instead of a socket is the
   * last on its connection.
   */
  private upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket);
    response.once('finish', () => socket.end());
    if (asksForSocket(request)) this.upgrades.set(request, head);
    this.fastify.routing(request, response);
  }

  private open(request: IncomingMessage, reply: FastifyReply, head: Buffer): void {
    reply.hijack();
    const { socket } = request;
    reply.raw.detachSocket(socket);
    this.server.handleUpgrade(request, socket, head, (opened) => this.opened(opened, request, reply.request.ip));
  }

  private opened(socket: WebSocket, { headers }: IncomingMessage, address: string): void {
    const ends = new AbortController();
    const whose = String(++this.openedUntilNow);
    const hears = this.protocol.opened(
      {
        protocol: socket.protocol,
        send: (text) => send(socket, text),
        close: (code, reason) => socket.close(code, reason),
        onMessage: (hear) =>
          socket.on(
            'message',
            (data, isBinary) =>
              void this.received(socket, whose, () =>
                isBinary ? socket.close(UNSUPPORTED_DATA, 'text-only') : hear(String(data)),
              ),
          ),
      },
      { socket, headers, address, ends: ends.signal },
    );
    socket.on('pong', () => this.silent.delete(socket));
    socket.on('error', () => socket.terminate());
    socket.once('close', (code, reason) => {
      ends.abort();
      void hears(code, String(reason));
    });
  }

  /**
   * Hears a message, unless it is one too many: then the socket is closed, and nothing that is under way still is
   * heard.
   */
  private async received(socket: WebSocket, whose: string, hear: () => Promise<void> | void): Promise<void> {
    try {
      const { allowed } = await this.sent.take([{ quota: messages, whose }]);
      if (socket.readyState !== socket.OPEN) return;
      if (!allowed) return socket.close(POLICY_VIOLATION, 'too-many-messages');
      await hear();
    } catch (error) {
      this.broken(socket, error);
    }
  }

  private ping(): void {
    for (const socket of this.server.clients) {
      if (this.silent.has(socket)) socket.terminate();
      this.silent.add(socket);
      socket.ping();
    }
  }

  private broken(socket: WebSocket, error: unknown): void {
    this.logger.error({ err: error }, 'socket failed: a bug');
    socket.close(1011, 'internal-error');
  }
}

/** Resolves when it is on its way: who does not read gets nothing more to read. */
function send(socket: WebSocket, text: string): Promise<void> {
  if (socket.readyState !== socket.OPEN) return Promise.resolve();
  return new Promise((sent) => socket.send(text, () => sent()));
}
