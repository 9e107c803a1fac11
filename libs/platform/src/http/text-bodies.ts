import { isUtf8 } from 'node:buffer';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { HttpProblem } from './http-problem.ts';

type Read = (text: string, request: FastifyRequest) => unknown;

/**
 * Reads bodies of these media types as text: the only way to do so, since Fastify's own turns every byte that is no
 * UTF-8 into U+FFFD, and a password that was stored so is one that nobody can type. `read` makes of it what the handler
 * gets, or throws; `refusal` is what other bytes are answered with.
 */
export function addTextParser(
  fastify: FastifyInstance,
  types: string | string[],
  refusal: () => HttpProblem,
  read: Read,
): void {
  fastify.addContentTypeParser<Buffer>(types, { parseAs: 'buffer' }, (request, body, done) => {
    try {
      if (!isUtf8(body)) throw refusal();
      done(null, read(body.toString(), request));
    } catch (error) {
      done(error as Error);
    }
  });
}

/**
 * Reads HTML forms into records of texts; the last of two fields of one name counts. 400 for what is no UTF-8,
 * percent-encoded or not.
 */
export function addFormParser(fastify: FastifyInstance): void {
  addTextParser(fastify, 'application/x-www-form-urlencoded', malformedForm, (text) => {
    if (!isEncodedUtf8(text)) throw malformedForm();
    return Object.fromEntries(new URLSearchParams(text));
  });
}

/** 400, `malformed-form`. */
export const malformedForm = (): HttpProblem => new HttpProblem(400, 'malformed-form', 'A form here is UTF-8.');

/**
 * Whether the bytes that are percent-encoded in a query or a form are UTF-8; a percent sign that encodes nothing is
 * one.
 */
export function isEncodedUtf8(text: string): boolean {
  if (!text.includes('%')) return true;
  try {
    decodeURIComponent(text.replace(/%(?![0-9a-f]{2})/gi, '%25'));
    return true;
  } catch {
    return false;
  }
}

/** The charset parameter of a media type without its quotes; undefined where there is none. */
function charsetOf(contentType: string): string | undefined {
  const parameters = contentType
    .split(';')
    .slice(1)
    .map((parameter) => parameter.split('='));
  return parameters
    .find(([name]) => name?.trim().toLowerCase() === 'charset')?.[1]
    ?.replaceAll('"', '')
    .trim();
}

/** 415 for a body in another charset than UTF-8, or compressed: it would be read as something else than it is. */
export function encodingRefusal(
  contentType: string | undefined,
  contentEncoding: string | undefined,
): HttpProblem | undefined {
  const charset = charsetOf(contentType ?? '');
  if (charset !== undefined && !/^utf-?8$/i.test(charset))
    return new HttpProblem(415, 'unsupported-media-type', 'Send UTF-8.');
  if (contentEncoding === undefined || contentEncoding === '' || contentEncoding.toLowerCase() === 'identity')
    return undefined;
  return new HttpProblem(415, 'unsupported-media-type', 'Send it without Content-Encoding.', {
    headers: { 'accept-encoding': 'identity' },
  });
}

/**
 * Whether there is half of a character anywhere in what was read of JSON, where escapes can say one: it has no UTF-8,
 * so it could not be stored.
 */
export function hasHalfCharacter(value: unknown): boolean {
  if (typeof value === 'string') return !value.isWellFormed();
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(([key, member]) => !key.isWellFormed() || hasHalfCharacter(member));
}
