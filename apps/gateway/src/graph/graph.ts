import { Injectable } from '@nestjs/common';
import { currentTraceId } from '@shop/platform';
import type { FastifyRequest } from 'fastify';
import { execute, GraphQLError, type ExecutionResult, type FormattedExecutionResult } from 'graphql';
import type { GraphContext } from './context.ts';
import { Documents, Refused, type Admitted, type Asked } from './documents/documents.ts';
import { GraphErrors } from './graph-errors.ts';
import { LoadsFactory } from './loads.ts';

export interface Answer {
  /** 200 when it was executed, whatever became of its fields. */
  readonly status: 200 | 400 | 405;
  readonly result: FormattedExecutionResult;
}

/** Executes what is asked for, if it may be. */
@Injectable()
export class Graph {
  constructor(
    private readonly documents: Documents,
    private readonly loads: LoadsFactory,
    private readonly errors: GraphErrors,
  ) {}

  /** `readOnly`: by a method that must change nothing. */
  async answer(asked: Asked, { request, readOnly }: { request: FastifyRequest; readOnly: boolean }): Promise<Answer> {
    const traceId = currentTraceId();
    try {
      const admitted = this.documents.admit(asked);
      const { operation } = admitted.operation;
      if (readOnly && operation !== 'query')
        return { status: 405, result: { errors: [only('POST', 'A GET changes nothing.')] } };
      if (operation === 'subscription')
        return { status: 400, result: { errors: [only('a socket', 'Subscriptions come by graphql-transport-ws.')] } };
      return {
        status: 200,
        result: this.shown(await execute({ ...this.executed(admitted), contextValue: this.context(request) }), traceId),
      };
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return { status: 400, result: { errors: error.errors.map((each) => this.errors.shown(each, traceId)) } };
    }
  }

  /** What an operation is executed with. */
  executed({ document, operationName, variables }: Admitted) {
    return { schema: this.documents.schema, document, operationName, variableValues: variables };
  }

  /** What its resolvers share, and nobody else. */
  context(request: FastifyRequest): GraphContext {
    return { request, loads: this.loads.create() };
  }

  shown({ data, errors }: ExecutionResult, traceId: string | undefined): FormattedExecutionResult {
    return {
      ...(errors && { errors: errors.map((error) => this.errors.shown(error, traceId)) }),
      ...(data !== undefined && { data }),
    };
  }
}

const only = (how: string, why: string) =>
  new GraphQLError(`Use ${how}: ${why}`, { extensions: { code: 'method-not-allowed' } }).toJSON();
