import type { FastifyReply } from 'fastify';
import { retryAfterSeconds } from '../accounts/passwords.ts';
import type { Page } from './html.ts';

export function sendPage(reply: FastifyReply, { status, headers, body }: Page): FastifyReply {
  if (status === 503) void reply.header('retry-after', retryAfterSeconds);
  return reply.status(status).headers(headers).send(body);
}
