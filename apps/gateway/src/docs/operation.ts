import { Reflector } from '@nestjs/core';
import { idempotencyKey, type ProblemCode } from '@shop/contracts';
import { LONGEST_TAG_LIST } from '@shop/platform';
import { z } from 'zod';

/**
 * What the published description of an operation says beyond its route and its input schemas, which are read from the
 * code.
 */
export interface OperationNotes {
  readonly summary: string;
  readonly description?: string;
  /** The status of success; 200 if absent. */
  readonly status?: number;
  readonly answer: z.ZodType;
  /** Headers of the answer that carry meaning. */
  readonly sends?: readonly (keyof typeof sentHeaders)[];
  /** Headers of the request that carry meaning. */
  readonly takes?: readonly (keyof typeof takenHeaders)[];
  /** One of them without which it is refused, though it is optional elsewhere. */
  readonly needs?: 'If-Match';
  readonly body?: 'optional';
  /** What it alone can be refused for, next to what it shares with every operation like it. */
  readonly refuses?: readonly ProblemCode[];
}

export const sentHeaders = {
  ETag: 'What is answered, by its version: for If-Match and If-None-Match.',
  Link: 'Where the list goes on (`rel="next"`); absent on the last page.',
  Location: 'Where the new resource is.',
  Age: 'How many seconds ago it was read from where it is kept.',
  'Cache-Control': 'How long it may be used again, by whom.',
  'Idempotency-Replayed': '`true` when this is the stored answer to an earlier request with the same key.',
} as const;

/** Headers of every answer that was counted, and of refusals that are worth a later try. */
export const countedHeaders = {
  RateLimit: 'What is left of each quota that this request was counted in, and in how many seconds it is whole again.',
  'RateLimit-Policy': 'Those quotas: how many requests in how many seconds.',
  'Access-Control-Allow-Origin':
    'For a page of another site that may call (CORS_ORIGINS): its origin; absent for all others.',
} as const;
export const laterHeaders = { 'Retry-After': 'In how many seconds to come again.' } as const;

export const takenHeaders = {
  'Idempotency-Key': {
    required: true,
    schema: idempotencyKey,
    description:
      'Your own name for this attempt. Sent again with the same body it gets the same answer, and nothing happens twice.',
  },
  'If-Match': {
    required: false,
    schema: z
      .string()
      .regex(/^(\*|"[1-9]\d{0,8}(-[\w-]+)?")$/)
      .max(LONGEST_TAG_LIST),
    description: 'The ETag that you have seen: if the resource has changed since, nothing happens (412).',
  },
  'If-None-Match': {
    required: false,
    schema: z.string().max(LONGEST_TAG_LIST),
    description: 'ETags that you have: if one of them is still right, the answer is 304 and has no body.',
  },
} as const;

/** What a status says, whatever the code. */
export const refusals = {
  304: 'You have it already.',
  400: 'The input breaks its schema; `errors` says where.',
  401: 'The access token is missing, expired or not valid.',
  403: 'The access token lacks a scope, or its owner the role.',
  404: 'There is no such thing, or it is not yours.',
  406: 'It is answered in a language that Accept does not name.',
  409: 'It contradicts the present state, or the same key is being worked on.',
  412: 'The resource is no longer at the version of If-Match.',
  413: 'The body is too large.',
  415: 'The body is in another language than is asked for.',
  422: 'Well-formed, but a rule says no; `code` says which.',
  428: 'If-Match is missing: say which version you have seen.',
  429: 'Too many requests: the RateLimit headers say what is left, Retry-After when to come again.',
  503: 'A service behind the door is away, or there is too much to do; try again after Retry-After.',
} as const;

/**
 * Marks a method as a published operation. Kept apart from @nestjs/swagger on purpose: that costs half a second and 30
 * MB to load, and is loaded when the first person asks for the documentation.
 */
export const Operation = Reflector.createDecorator<OperationNotes>();
