import { STATUS_CODES, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { typeOf } from './problem-of.ts';

/** Long enough to read a few hundred bytes, in ms. */
const LEAVE_WITHIN_MS = 1_000;

const refusals: Record<string, [number, string]> = {
  HPE_HEADER_OVERFLOW: [431, 'headers-too-large'],
  ERR_HTTP_REQUEST_TIMEOUT: [408, 'request-timeout'],
};

/** What guards an answer that no hook passes: nothing in it is ever run, framed or kept. */
export const bareHeaders = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
} as const;

/** What is not even HTTP never reaches a route or a filter: answered on the bare socket, in the same shape. */
export function answerBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable || socket.destroyed) return void socket.destroy();
  const [status, code] = refusals[error.code ?? ''] ?? [400, 'malformed-request'];
  const body = bodyOf(status, code);
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${body.length}`,
    ...Object.entries(bareHeaders).map((header) => header.join(': ')),
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  // Who neither reads nor leaves would keep its half of the connection, and a place among those there may be.
  setTimeout(() => socket.destroy(), LEAVE_WITHIN_MS).unref();
}

/** `Expect` with anything but 100-continue: Node asks us before any route does. An empty one expects nothing. */
export function answerExpectation(this: Server, request: IncomingMessage, response: ServerResponse): void {
  if (request.headers.expect === '') return void this.emit('request', request, response);
  const body = bodyOf(417, 'expectation-failed');
  response
    .writeHead(417, {
      'content-type': 'application/problem+json',
      'content-length': body.length,
      ...bareHeaders,
      connection: 'close',
    })
    .end(body);
}

const bodyOf = (status: number, code: string) =>
  JSON.stringify({ type: typeOf(code), title: STATUS_CODES[status], status, code });
