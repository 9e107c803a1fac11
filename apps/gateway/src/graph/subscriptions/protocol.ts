import type { IncomingHttpHeaders } from 'node:http';
import { Injectable } from '@nestjs/common';
import { HttpProblem, InvalidToken, Overload, overloaded, TokenVerifier, type Principal } from '@shop/platform';
import type { FastifyRequest } from 'fastify';
import { GraphQLError, type ExecutionArgs, type FormattedExecutionResult, type GraphQLFormattedError } from 'graphql';
import { makeServer, type Context, type Server, type SubscribePayload } from 'graphql-ws';
import { decodeJwt } from 'jose';
import type { WebSocket } from 'ws';
import type { SocketContext } from '../context.ts';
import { Documents, Refused, type Asked } from '../documents/documents.ts';
import { GraphErrors } from '../graph-errors.ts';
import { EdgeLimits } from '../../limits/edge-limits.ts';
import { Graph } from '../graph.ts';

/** A socket, the headers that it was opened with and where from, and its end. */
export interface Extra {
  readonly socket: WebSocket;
  readonly headers: IncomingHttpHeaders;
  readonly address: string;
  readonly ends: AbortSignal;
  /** Whose token was sent, or came first of all; undefined until then. */
  principal?: Principal;
}

type Connection = Context<Record<string, unknown> | undefined, Extra>;

/** How many sockets one person has at once, and operations on each. */
const [MOST_SOCKETS_EACH, MOST_OPERATIONS] = [10, 10];

/**
 * Why a socket is closed. Clients of the protocol come again after a 4403, and find out about a new token; a 4401 is
 * for good.
 */
const closes = {
  unauthorized: [4401, 'token-invalid'],
  expired: [4403, 'token-expired'],
  tooMany: [4403, 'too-many-sockets'],
  notNow: [1013, 'unavailable'],
} as const;

/**
 * graphql-transport-ws (https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md): who may open a socket, how
 * long, and what is done over it. A token comes in `connection_init`, since browsers send no header, or in a header;
 * the socket ends when it does.
 */
@Injectable()
export class SocketProtocol {
  private readonly sockets = new Map<string, number>();

  constructor(
    private readonly tokens: TokenVerifier,
    private readonly documents: Documents,
    private readonly graph: Graph,
    private readonly errors: GraphErrors,
    private readonly overload: Overload,
    private readonly limits: EdgeLimits,
  ) {}

  server(): Server<Extra> {
    return makeServer<Record<string, unknown> | undefined, Extra>({
      connectionInitWaitTimeout: 3_000,
      onConnect: (connection) => this.connect(connection),
      onSubscribe: (connection, _id, payload) => this.subscribe(connection, payload),
      onNext: (_connection, _id, _payload, _args, result): FormattedExecutionResult =>
        this.graph.shown(result, undefined),
      onError: (_connection, _id, _payload, errors): GraphQLFormattedError[] =>
        errors.map((error) => this.errors.shown(error as GraphQLError, undefined)),
    });
  }

  /** False, or a close before it, where nobody is let in. */
  private async connect({ connectionParams, extra }: Connection): Promise<boolean> {
    const { socket, headers } = extra;
    const said = connectionParams?.['authorization'] ?? connectionParams?.['Authorization'] ?? headers.authorization;
    const token = typeof said === 'string' ? /^Bearer (\S+)$/i.exec(said)?.[1] : undefined;
    try {
      if (token === undefined) throw new InvalidToken('There is no access token.');
      const principal = await this.tokens.verify(token);
      if (!this.count(principal.subject, socket)) return closed(socket, closes.tooMany);
      extra.principal = principal;
      endWith(token, socket);
      return true;
    } catch (error) {
      return closed(socket, error instanceof InvalidToken ? closes.unauthorized : closes.notNow);
    }
  }

  private async subscribe(
    { extra, subscriptions }: Connection,
    payload: SubscribePayload,
  ): Promise<ExecutionArgs | readonly GraphQLError[]> {
    const refused = await this.refused(extra);
    if (refused) return [refused];
    if (Object.keys(subscriptions).length > MOST_OPERATIONS)
      return [refusal('too-many-subscriptions', `At most ${MOST_OPERATIONS} at once over one socket.`)];
    try {
      const admitted = this.documents.admit(payload as Asked);
      if (admitted.operation.operation !== 'subscription')
        return [refusal('method-not-allowed', 'Sockets are for subscriptions: use POST.')];
      // As much of a request as guards look at.
      const request = {
        headers: { ...extra.headers, authorization: `Bearer ${extra.principal?.token}` },
      } as FastifyRequest;
      const contextValue: SocketContext = { ...this.graph.context(request), ends: extra.ends };
      return { ...this.graph.executed(admitted), contextValue };
    } catch (error) {
      if (error instanceof Refused) return error.errors;
      return [new GraphQLError('', { originalError: error as Error })];
    }
  }

  /**
   * Why an operation is not even looked at: as its twin over HTTP, it is turned away where there is too much to do, and
   * else counted, whatever it asks for.
   */
  private async refused({ address, principal }: Extra): Promise<GraphQLError | undefined> {
    try {
      if (this.overload.refuses() !== undefined) throw overloaded();
      // There is one: who has not said who they are is let in to nothing.
      if (principal) await this.limits.countOperation({ address, principal });
      return undefined;
    } catch (error) {
      if (!(error instanceof HttpProblem)) throw error;
      const { code, message, status, headers } = error;
      return new GraphQLError(message, { extensions: { code, status, retryAfter: Number(headers['retry-after']) } });
    }
  }

  private count(subject: string, socket: WebSocket): boolean {
    const count = this.sockets.get(subject) ?? 0;
    if (count >= MOST_SOCKETS_EACH) return false;
    this.sockets.set(subject, count + 1);
    socket.once('close', () => {
      const left = (this.sockets.get(subject) ?? 1) - 1;
      if (left > 0) this.sockets.set(subject, left);
      else this.sockets.delete(subject);
    });
    return true;
  }
}

const refusal = (code: string, message: string) => new GraphQLError(message, { extensions: { code } });

function closed(socket: WebSocket, [code, reason]: readonly [number, string]): false {
  socket.close(code, reason);
  return false;
}

/** What a token allows is over when it is, and not a minute later. It has been verified. */
function endWith(token: string, socket: WebSocket): void {
  const left = (decodeJwt(token).exp ?? 0) * 1_000 - Date.now();
  const end = setTimeout(() => closed(socket, closes.expired), Math.max(left, 0)).unref();
  socket.once('close', () => clearTimeout(end));
}
