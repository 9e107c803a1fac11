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
    const types = this.reflector.getAllAndOverride<string[] | undefined>(producesKey, [
      execution.getHandler(),
      execution.getClass(),
    ]) ?? ['application/json'];
    const { accept } = execution.switchToHttp().getRequest<FastifyRequest>().headers;
    if (accept === undefined || types.some((type) => isAccepted(type, accept))) return true;
    throw new HttpProblem(406, 'not-acceptable', `This is answered with ${types.join(' or ')}.`);
  }
}

/** Whether a type is taken. */
export const isAccepted = (type: string, accept: string): boolean => weightOf(type, accept) > 0;

/**
 * How much a type is wanted, from 0 to 1 (RFC 9110 §12.5.1): the range that says most about it decides. Who says
 * nothing takes everything.
 */
export function weightOf(type: string, accept: string): number {
  const said = rangesIn(accept);
  if (said.length === 0) return 1;
  const ranges = [type, `${type.split('/')[0]}/*`, '*/*', '*'];
  return ranges.map((range) => said.find((one) => one.range === range)).find((one) => one !== undefined)?.weight ?? 0;
}

/** Whether a type is wanted by its own name, and no less than another. */
export function isPreferred(type: string, other: string, accept: string): boolean {
  const weight = rangesIn(accept).find(({ range }) => range === type)?.weight ?? 0;
  return weight > 0 && weight >= weightOf(other, accept);
}

function rangesIn(accept: string): { range: string; weight: number }[] {
  const members = accept
    .toLowerCase()
    .split(',')
    .map((one) => one.split(';').map((part) => part.trim()));
  return members
    .map(([range = '', ...parameters]) => ({
      range,
      weight: Number(parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? 1),
    }))
    .filter(({ range }) => range !== '');
}
