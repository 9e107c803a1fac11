import { Injectable } from '@nestjs/common';
import { Logger, problemOf, whyOf } from '@shop/platform';
import { GraphQLError, type GraphQLFormattedError } from 'graphql';

/**
 * The one mapping from whatever a resolver threw to what the client sees: the very `code`, `status` and field errors
 * that REST would answer with. What is not known is a bug: it is logged, and its words stay here.
 */
@Injectable()
export class GraphErrors {
  constructor(private readonly logger: Logger) {}

  shown(error: GraphQLError, traceId: string | undefined): GraphQLFormattedError {
    const { originalError: thrown, path, locations } = error;
    const where = { ...(locations && { locations }), ...(path && { path }) };
    // graphql-js says so itself: a document, or a value that breaks the schema. The latter is our bug, unless it came
    // in as an argument.
    if (!thrown && error.extensions['code'] !== undefined)
      return { message: error.message, ...where, extensions: error.extensions };
    const { problem } = problemOf(thrown ?? error, { traceId });
    if (problem.code === 'internal-error')
      this.logger.error({ err: thrown ?? error, traceId }, 'resolver failed: a bug');
    else if (problem.status >= 500)
      this.logger.warn({ traceId, code: problem.code, why: whyOf(thrown) }, 'resolver failed');
    const { code, status, errors } = problem;
    return {
      message: problem.detail ?? problem.title,
      ...where,
      extensions: { code, status, ...(errors && { errors }), ...(problem.traceId && { traceId: problem.traceId }) },
    };
  }
}
