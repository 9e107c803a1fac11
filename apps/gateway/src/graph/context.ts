import type { FastifyRequest } from 'fastify';
import type { Loads } from './loads.ts';

/**
 * What every resolver of one operation is given. `request` is the one that brought it, or over which the socket was
 * opened.
 */
export interface GraphContext {
  readonly request: FastifyRequest;
  readonly loads: Loads;
}

/** The same of an operation that goes on until its socket ends. */
export interface SocketContext extends GraphContext {
  readonly ends: AbortSignal;
}
