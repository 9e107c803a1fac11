import { STATUS_CODES } from 'node:http';
import { HttpException } from '@nestjs/common';
import type { Problem } from '@shop/contracts';
import { DomainError, type DomainErrorKind } from '@shop/kernel';
import { UpstreamProblem } from '../upstream/upstream-problem.ts';
import { HttpProblem } from './http-problem.ts';

/** An answer that says no: RFC 9457, with the headers it needs. */
export interface ProblemAnswer {
  readonly problem: Problem;
  readonly headers: Readonly<Record<string, string>>;
}

const statusOfKind: Record<DomainErrorKind, number> = {
  invalid: 422,
  'not-found': 404,
  conflict: 409,
  forbidden: 403,
  unavailable: 503,
};
const passedOn = ['retry-after', 'www-authenticate'];

/**
 * The one mapping from whatever was thrown to what the caller sees. What is not known is a bug: 500, and no word of it.
 */
export function problemOf(
  error: unknown,
  about: { instance?: string | undefined; traceId?: string | undefined },
): ProblemAnswer {
  if (error instanceof UpstreamProblem) return ofUpstream(error, about);
  const { status, code, detail, errors, headers } = describe(error);
  const problem: Problem = { type: typeOf(code), title: STATUS_CODES[status] ?? 'Error', status, code };
  if (detail !== undefined) problem.detail = detail;
  return {
    problem: { ...problem, ...present(about), ...(errors?.length ? { errors: [...errors] } : {}) },
    headers: headers ?? {},
  };
}

const LONGEST_WHY = 300;

/**
 * Why something cannot be done now, for the log: its message and those of what caused it, without their stacks, in 300
 * characters at most.
 */
export function whyOf(error: unknown): string {
  const messages: string[] = [];
  for (let at = error; at instanceof Error; at = at.cause) messages.push(at.message);
  return (messages.join(' ← ') || String(error)).slice(0, LONGEST_WHY);
}

/** The stable URI of a problem's code; it need not resolve. */
export function typeOf(code: string): string {
  return `urn:shop:problem:${code}`;
}

function describe(error: unknown): Partial<HttpProblem> & { status: number; code: string; detail?: string } {
  if (error instanceof HttpProblem)
    return {
      status: error.status,
      code: error.code,
      detail: error.message,
      errors: error.errors,
      headers: error.headers,
    };
  if (error instanceof DomainError) {
    const headers: Record<string, string> = error.kind === 'unavailable' ? { 'retry-after': '1' } : {};
    return { status: statusOfKind[error.kind], code: error.code, detail: error.message, errors: error.errors, headers };
  }
  if (error instanceof HttpException) return ofStatus(error.getStatus(), error.message, error.cause);
  if (isFastifyError(error)) return ofStatus(error.statusCode, error.message, error);
  return {
    status: 500,
    code: 'internal-error',
    detail: 'Something went wrong on our side. The trace id leads us to it.',
  };
}

const codes: Record<string, string> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported-media-type',
  FST_ERR_CTP_BODY_TOO_LARGE: 'body-too-large',
  FST_ERR_CTP_INVALID_JSON_BODY: 'malformed-json',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'malformed-json',
  FST_ERR_BAD_URL: 'malformed-url',
  FST_ERR_MAX_PARAM_LENGTH: 'url-too-long',
};

function ofStatus(status: number, detail: string, cause: unknown) {
  if (status >= 500) return { status, code: status === 503 ? 'unavailable' : 'internal-error' };
  const code = isFastifyError(cause) ? codes[cause.code] : undefined;
  return { status, code: code ?? kebab(STATUS_CODES[status] ?? 'refused'), detail };
}

function ofUpstream(
  { status, problem, headers }: UpstreamProblem,
  about: { traceId?: string | undefined; instance?: string | undefined },
): ProblemAnswer {
  const kept = Object.fromEntries(
    passedOn.flatMap((name) => (headers[name] === undefined ? [] : [[name, headers[name]]])),
  );
  if (status < 500) return { problem: { ...problem, ...present(about) }, headers: kept };
  return problemOf(
    new DomainError(
      'unavailable',
      'unavailable',
      'A service that is needed for this does not answer as it should. Try again.',
    ),
    about,
  );
}

function present(about: { instance?: string | undefined; traceId?: string | undefined }): {
  instance?: string;
  traceId?: string;
} {
  return Object.fromEntries(Object.entries(about).filter(([, value]) => value !== undefined));
}

function isFastifyError(error: unknown): error is { code: string; statusCode: number; message: string } {
  return (
    error instanceof Error &&
    'statusCode' in error &&
    typeof error.statusCode === 'number' &&
    'code' in error &&
    typeof error.code === 'string'
  );
}

function kebab(text: string): string {
  return text.toLowerCase().replace(/[^a-z]+/g, '-');
}
