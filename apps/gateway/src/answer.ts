import type { UpstreamResponse } from '@shop/platform';
import type { FastifyReply } from 'fastify';

/** What of an upstream's headers is meant for the client; everything else stays inside. */
const passed = ['etag', 'location', 'retry-after', 'idempotency-replayed'] as const;

/** Gives the client an upstream's answer: its status, the headers meant for it, and the body as the contract shaped it. */
export async function answer<T>(reply: FastifyReply, upstream: Promise<UpstreamResponse<T>>): Promise<T> {
  const { status, headers, body } = await upstream;
  void reply.status(status);
  for (const name of passed) if (headers[name] !== undefined) void reply.header(name, headers[name]);
  return body;
}
