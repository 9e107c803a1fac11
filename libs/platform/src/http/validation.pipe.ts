import { Injectable, StandardSchemaValidationPipe, type ArgumentMetadata } from '@nestjs/common';
import type { FieldError } from '@shop/kernel';
import { HttpProblem } from './http-problem.ts';

/** As much of a Standard Schema issue as is told to the caller; zod adds `keys` to unknown fields. */
interface Issue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
  readonly keys?: readonly string[];
}

class Refused extends Error {
  constructor(readonly issues: readonly Issue[]) {
    super();
  }
}

const mostErrors = 20;

/**
 * Nest's own pipe for `@Body({ schema })`, `@Query`, `@Param`; what a schema refuses is answered with 400 and a JSON
 * Pointer to each fault: into the body itself (`/lines/0/quantity`), else prefixed (`/query/limit`, `/params/id`).
 */
@Injectable()
export class ValidationPipe extends StandardSchemaValidationPipe {
  constructor() {
    super({ exceptionFactory: (issues) => new Refused(issues as readonly Issue[]) });
  }

  override async transform<T>(value: T, metadata: ArgumentMetadata): Promise<T> {
    try {
      return await super.transform(value, metadata);
    } catch (error) {
      if (error instanceof Refused) throw validationFailed(error.issues, prefixOf(metadata));
      throw error;
    }
  }
}

/** 400 with the faults of one part of the request. `prefix` is the pointer to that part. */
export function validationFailed(issues: readonly Issue[], prefix: string): HttpProblem {
  const errors = issues.flatMap((issue) => fieldErrors(issue, prefix)).slice(0, mostErrors);
  return new HttpProblem(400, 'validation-failed', 'The request is not as it should be; see errors.', { errors });
}

function fieldErrors({ message, path = [], keys }: Issue, prefix: string): FieldError[] {
  const pointer = prefix + path.map((step) => `/${escape(typeof step === 'object' ? step.key : step)}`).join('');
  if (keys === undefined) return [{ pointer, detail: message }];
  return keys.map((key) => ({ pointer: `${pointer}/${escape(key)}`, detail: 'Unknown field.' }));
}

function prefixOf({ type, data }: ArgumentMetadata): string {
  const name = data === undefined ? '' : `/${escape(data)}`;
  return type === 'body' ? name : `/${{ query: 'query', param: 'params', custom: 'headers' }[type]}${name}`;
}

/** RFC 6901. */
function escape(step: PropertyKey): string {
  return String(step).replaceAll('~', '~0').replaceAll('/', '~1');
}
