import { isNamed, targetOf, type UpstreamResponse } from '@shop/platform';
import type { FastifyReply } from 'fastify';

/** What of an upstream's headers is meant for the client; everything else stays inside. */
const passed = ['etag', 'location', 'retry-after', 'idempotency-replayed'] as const;

/**
 * Gives the client an upstream's answer: its status, the headers meant for it, and the body as the contract shaped it;
 * or 304 without a body where the client has read just this (If-None-Match).
 */
export async function answer<T>(reply: FastifyReply, upstream: Promise<UpstreamResponse<T>>): Promise<T> {
  const { status, headers, body } = await upstream;
  void reply.status(status);
  for (const name of passed) if (headers[name] !== undefined) void reply.header(name, headers[name]);
  // Services know of one version only: a place is told in the one that was asked.
  const [version] = /^\/v\d+\//.exec(targetOf(reply.request).path) ?? [];
  if (headers['location'] !== undefined && version)
    void reply.header('location', headers['location'].replace(/^\/v\d+\//, version));
  return isKnown(reply, headers['etag']) ? (reply.status(304), undefined as T) : body;
}

/**
 * A page of a list, with a `Link` (RFC 8288) to the next one where there is one: the same question, from the next
 * cursor on.
 */
export async function linked<T extends { nextCursor?: string | undefined }>(
  reply: FastifyReply,
  asked: Promise<T>,
): Promise<T> {
  const page = (await asked) as T | undefined;
  if (page?.nextCursor !== undefined) void reply.header('link', `<${nextPage(reply, page.nextCursor)}>; rel="next"`);
  return page as T;
}

/** The answer in a version's own words; nothing stays nothing (304). */
export async function told<T, U>(answer: Promise<T>, map: (body: T) => U): Promise<U> {
  const body = await answer;
  return body === undefined ? (body as U) : map(body);
}

/** Where a list goes on. */
export function nextPage({ request }: FastifyReply, cursor: string): string {
  const { path, query } = targetOf(request);
  const asked = new URLSearchParams(query);
  asked.set('cursor', cursor);
  return `${path}?${asked.toString()}`;
}

/**
 * The header by which a service is told of the versions that a client saw, if any; `otherwise` for one that saw none.
 */
export function ifMatch(versions: number | readonly number[] | undefined, otherwise?: '*'): { 'if-match'?: string } {
  const tag =
    versions === undefined
      ? otherwise
      : [versions]
          .flat()
          .map((version) => `"${version}"`)
          .join(', ');
  return tag === undefined ? {} : { 'if-match': tag };
}

/** Whether the client has read just this, by its own word. */
export function isKnown({ request }: FastifyReply, tag: string | undefined): boolean {
  const known = request.headers['if-none-match'];
  return tag !== undefined && known !== undefined && ['GET', 'HEAD'].includes(request.method) && isNamed(tag, known);
}
