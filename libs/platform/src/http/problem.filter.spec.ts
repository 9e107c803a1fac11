import type { ArgumentsHost } from '@nestjs/common';
import { DomainError } from '@shop/kernel';
import { expect, it } from 'vitest';
import type { Logger } from '../service/logger.ts';
import { ProblemFilter } from './problem.filter.ts';

/** What is logged, answered and noted for the request's own line when a handler throws this. */
function thrown(error: unknown) {
  const logged: object[] = [];
  const work: { failure?: object } = {};
  const answered: { status?: number } = {};
  const reply = {
    sent: false,
    raw: { headersSent: false },
    code: (status: number) => ((answered.status = status), reply),
    headers: () => reply,
    type: () => reply,
    send: () => reply,
  };
  const request = { target: { route: '/things', path: '/things', query: '' }, work };
  const host = {
    getType: () => 'http',
    switchToHttp: () => ({ getRequest: () => request, getResponse: () => reply }),
  } as unknown as ArgumentsHost;
  new ProblemFilter({
    error: (fields: object, message: string) => logged.push({ ...fields, message }),
  } as unknown as Logger).catch(error, host);
  return { logged, answered, failure: work.failure };
}

it('a bug is logged, with its stack', () => {
  const bug = new TypeError('nothing has no length');
  expect(thrown(bug)).toEqual({
    logged: [{ err: bug, traceId: undefined, message: 'request failed: a bug' }],
    answered: { status: 500 },
    failure: undefined,
  });
});

it('what cannot be done now stands in the line of its request, with its reason; what the caller did wrong does not', () => {
  const away = Object.assign(new DomainError('unavailable', 'unavailable', 'Try again.'), {
    cause: new Error('connection refused'),
  });
  expect(thrown(away)).toMatchObject({
    logged: [],
    answered: { status: 503 },
    failure: { code: 'unavailable', why: expect.stringContaining('connection refused') as string },
  });
  expect(thrown(new DomainError('not-found', 'not-found', 'There is nothing.'))).toEqual({
    logged: [],
    answered: { status: 404 },
    failure: undefined,
  });
});
