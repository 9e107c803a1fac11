import { BadRequestException, NotFoundException } from '@nestjs/common';
import { problem as problemSchema } from '@shop/contracts';
import { DomainError, type DomainErrorKind } from '@shop/kernel';
import { describe, expect, it } from 'vitest';
import { UpstreamProblem } from '../upstream/upstream-problem.ts';
import { HttpProblem, PreconditionFailed } from './http-problem.ts';
import { problemOf } from './problem-of.ts';

const about = { instance: '/orders/7', traceId: 'a'.repeat(32) };
const of = (error: unknown) => problemOf(error, about);
const fastifyError = (code: string, statusCode: number) =>
  Object.assign(new Error('From Fastify.'), { code, statusCode });

describe('a failure, as the caller sees it', () => {
  it.each<[DomainErrorKind, number]>([
    ['invalid', 422],
    ['not-found', 404],
    ['conflict', 409],
    ['forbidden', 403],
    ['unavailable', 503],
  ])('answers a rule of kind %s with %i, its code, its words and its field errors', (kind, status) => {
    const errors = [{ pointer: '/lines/0/productId', detail: 'Not sold here.' }];
    expect(of(new DomainError(kind, 'some-rule', 'Because.', errors)).problem).toEqual({
      type: 'urn:shop:problem:some-rule',
      title: expect.any(String),
      status,
      code: 'some-rule',
      detail: 'Because.',
      errors,
      ...about,
    });
  });

  it('says when to come back to what is unavailable', () => {
    expect(of(new DomainError('unavailable', 'busy', 'Busy.')).headers).toEqual({ 'retry-after': '1' });
  });

  it('answers a stale If-Match with 412', () => {
    expect(of(new PreconditionFailed()).problem).toMatchObject({ status: 412, code: 'precondition-failed' });
  });

  it('keeps the headers a refusal of HTTP needs', () => {
    expect(of(new HttpProblem(429, 'too-many-requests', 'Slower.', { headers: { 'retry-after': '3' } }))).toMatchObject(
      {
        problem: { status: 429, detail: 'Slower.' },
        headers: { 'retry-after': '3' },
      },
    );
  });

  it.each([
    ['FST_ERR_CTP_INVALID_MEDIA_TYPE', 415, 'unsupported-media-type'],
    ['FST_ERR_CTP_BODY_TOO_LARGE', 413, 'body-too-large'],
    ['FST_ERR_CTP_INVALID_JSON_BODY', 400, 'malformed-json'],
    ['FST_ERR_SOMETHING_NEW', 400, 'bad-request'],
  ])('names what Fastify refused with %s: %i %s, also when Nest has wrapped it', (code, status, expected) => {
    const error = fastifyError(code, status);
    expect(of(error).problem).toMatchObject({ status, code: expected });
    expect(of(new BadRequestException('x', { cause: error })).problem.code).toBe(expected);
  });

  it("takes a Nest exception's status and words", () => {
    expect(of(new NotFoundException('No such thing.')).problem).toMatchObject({
      status: 404,
      code: 'not-found',
      detail: 'No such thing.',
    });
  });

  it.each([new Error('password=hunter2'), fastifyError('FST_ERR_REP_INVALID_PAYLOAD_TYPE', 500), 'hunter2', undefined])(
    'answers a bug with 500 and nothing of it: %s',
    (error) => {
      const { problem } = of(error);
      expect(problem).toMatchObject({ status: 500, code: 'internal-error', traceId: about.traceId });
      expect(JSON.stringify(problem)).not.toMatch(/hunter2|Fastify/);
    },
  );

  it('passes the refusal of another service on as it is, under our own path', () => {
    const theirs = {
      type: 'urn:shop:problem:out-of-stock',
      title: 'Conflict',
      status: 409,
      code: 'out-of-stock',
      instance: '/internal',
      detail: 'None left.',
    };
    const answer = { status: 409, headers: { 'retry-after': '2', server: 'x', 'set-cookie': 'y' }, body: theirs };
    const { problem, headers } = of(new UpstreamProblem('orders', theirs, answer));
    expect(problem).toEqual({ ...theirs, ...about });
    expect(headers).toEqual({ 'retry-after': '2' });
  });

  it.each([500, 502, 503])('does not blame the caller for a %i of another service', (status) => {
    const theirs = { type: 'about:blank', title: 'x', status, code: 'x', detail: 'hunter2' };
    const { problem } = of(new UpstreamProblem('orders', theirs, { status, headers: {}, body: theirs }));
    expect(problem).toMatchObject({ status: 503, code: 'unavailable' });
    expect(JSON.stringify(problem)).not.toContain('hunter2');
  });

  it('is what the contract says it is, whatever happened', () => {
    for (const error of [undefined, new Error('x'), new PreconditionFailed(), new DomainError('invalid', 'x', 'y')]) {
      expect(problemSchema.safeParse(problemOf(error, {}).problem).success).toBe(true);
    }
  });
});
