import { Injectable, SetMetadata, type CanActivate, type CustomDecorator, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { HttpProblem } from './http-problem.ts';

const producesKey = 'shop:produces';

/** What a route answers with, where that is not JSON. */
export const Produces = (...types: string[]): CustomDecorator => SetMetadata(producesKey, types);

/** 406 before any work for a caller who will not take what the route would answer with. */
@Injectable()
export class AcceptGuard implements CanActivate {
  constructor(private readonly reflector: Reflector) {}

  canActivate(execution: ExecutionContext): boolean {
    if (execution.getType() !== 'http') return true;
    const types = this.reflector.getAllAndOverride<string[] | undefined>(producesKey, [execution.getHandler(), execution.getClass()]) ?? ['application/json'];
    const { accept } = execution.switchToHttp().getRequest<FastifyRequest>().headers;
    if (accept === undefined || types.some((type) => isAccepted(type, accept))) return true;
    throw new HttpProblem(406, 'not-acceptable', `This is answered with ${types.join(' or ')}.`);
  }
}

/** RFC 9110, 12.5.1: the range that says most about a type decides. */
export function isAccepted(type: string, accept: string): boolean {
  const ranges = [type, `${type.split('/')[0]}/*`, '*/*'];
  const said = accept.toLowerCase().split(',').map((one) => {
    const [range = '', ...parameters] = one.split(';').map((part) => part.trim());
    return { range, weight: Number(parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? 1) };
  });
  const deciding = ranges.map((range) => said.find((one) => one.range === range)).find((one) => one !== undefined);
  return deciding !== undefined && deciding.weight > 0;
}
