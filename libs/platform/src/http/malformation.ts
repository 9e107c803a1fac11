import type { IncomingMessage } from 'node:http';
import type { FastifyRequest } from 'fastify';
import { HttpProblem } from './http-problem.ts';
import { targetOf } from './request-target.ts';
import { isEncodedUtf8 } from './text-bodies.ts';

/** Longer than any URL of ours, cursors and filters included, in characters. */
const LONGEST_URL = 8_192;

/**
 * Headers of one value that decide something. Node keeps the first of two, or joins them; a proxy in front may go by
 * the last.
 */
const single = new Set([
  'authorization',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'host',
  'idempotency-key',
  'origin',
  'x-request-budget-ms',
]);

/** What HTTP has to say of a request whatever its route; Node would say some of it too, in another shape. */
export function malformation(request: FastifyRequest): HttpProblem | undefined {
  const { raw } = request;
  const { path, query } = targetOf(request);
  if (path.length + query.length >= LONGEST_URL)
    return new HttpProblem(414, 'url-too-long', `A URL here has ${LONGEST_URL} characters at most.`);
  if (!isEncodedUtf8(query)) return new HttpProblem(400, 'malformed-url', 'A query here is UTF-8.');
  if (raw.headers.host === undefined && raw.httpVersion === '1.1')
    return new HttpProblem(400, 'host-missing', 'HTTP/1.1 wants a Host header.');
  const repeated = repeatedHeader(raw);
  return repeated === undefined
    ? undefined
    : new HttpProblem(400, 'header-repeated', `Send the header ${repeated} once.`);
}

/**
 * The first header of those that came twice, whatever their values. Nothing is looked for where as many came as there
 * are names.
 */
function repeatedHeader({ rawHeaders, headers }: IncomingMessage): string | undefined {
  if (rawHeaders.length === 2 * Object.keys(headers).length) return undefined;
  const names = rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
  return names.find((name, index) => single.has(name) && names.indexOf(name) !== index);
}
