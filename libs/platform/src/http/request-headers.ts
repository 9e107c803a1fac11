import type { IncomingHttpHeaders } from 'node:http';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { idempotencyKey } from '@shop/contracts';
import type { FastifyRequest } from 'fastify';
import { LONGEST_TAG_LIST, tagsIn } from './entity-tags.ts';
import { HttpProblem } from './http-problem.ts';
import { validationFailed } from './validation.pipe.ts';

const header = (execution: ExecutionContext, name: string): string | undefined => {
  const value = execution.switchToHttp().getRequest<FastifyRequest>().headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
};

/**
 * The required header `Idempotency-Key`: the caller's own name for one attempt. 400 when it is missing or malformed.
 */
export const IdempotencyKey = createParamDecorator((_: unknown, execution: ExecutionContext): string => {
  return checkedKey(header(execution, 'idempotency-key'), '/headers/idempotency-key');
});

/** An Idempotency-Key that came to `pointer`; 400 when there is none, or it is malformed. */
export function checkedKey(key: string | undefined, pointer: string): string {
  if (key === undefined)
    throw validationFailed(
      [{ message: 'Send a key of your own, such as a UUID, and the same one again to retry.' }],
      pointer,
    );
  const parsed = idempotencyKey.safeParse(key);
  if (!parsed.success) throw validationFailed(parsed.error.issues, pointer);
  return parsed.data;
}

/**
 * The versions in the header `If-Match: "3", "5"`, as ETags named them, with or without the digest behind it (`"3-…"`,
 * entity-tags.ts): one of them has to be the present one. Undefined for `*`, or when absent. 400 when it names none: a
 * weak tag does not, since RFC 9110 compares If-Match strongly. `@IfMatch('required')`: 428 when absent.
 */
export const IfMatch = createParamDecorator(
  (need: 'required' | undefined, execution: ExecutionContext): readonly number[] | undefined => {
    const tag = header(execution, 'if-match');
    if (tag === undefined && need === 'required') {
      throw new HttpProblem(
        428,
        'if-match-required',
        'Send the ETag of the resource as you read it in If-Match, so that no change of somebody else is overwritten.',
      );
    }
    if (tag === undefined || tag.trim() === '*') return undefined;
    const strong = tagsIn(tag)?.filter(({ weak }) => !weak) ?? [];
    const versions = strong.flatMap(({ opaque }) => /^([1-9]\d{0,8})(?:-[\w-]+)?$/.exec(opaque)?.[1] ?? []).map(Number);
    if (versions.length === 0)
      throw validationFailed(
        [{ message: 'Send the ETag of the resource as you read it, for example "3".' }],
        '/headers/if-match',
      );
    return versions;
  },
);

/**
 * 400 for a list of entity tags that is longer than any client of ours has use for; undefined for every other request.
 */
export function tagListRefusal(headers: IncomingHttpHeaders): HttpProblem | undefined {
  const long = (['if-match', 'if-none-match'] as const).find((name) => (headers[name]?.length ?? 0) > LONGEST_TAG_LIST);
  return long && validationFailed([{ message: `Send ${LONGEST_TAG_LIST} characters at most.` }], `/headers/${long}`);
}
