import type { ArgumentsHost } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';

/** The request that work is done for. A resolver of GraphQL finds it in its context, the third of its arguments. */
export function requestOf(host: ArgumentsHost): FastifyRequest {
  if (host.getType<string>() !== 'graphql') return host.switchToHttp().getRequest<FastifyRequest>();
  return host.getArgByIndex<{ request: FastifyRequest }>(2).request;
}
