import { describe, expect, it } from 'vitest';
import { confused, understood } from './client.ts';

const answer = (status: number, body: unknown, headers: Record<string, string> = {}) => ({
  status,
  headers: new Headers(headers),
  body: typeof body === 'string' ? body : JSON.stringify(body),
});
const wrongInput = { means: 'wrong input', bytes: '', needs: { field: '/lines/0/quantity' } };

describe('a program that tries hard', () => {
  it.each([
    ['a problem', { code: 'x', errors: [{ pointer: '/lines/0/quantity' }] }, '400 x'],
    ['a problem of a part of the request', { code: 'x', errors: [{ pointer: '/body/lines/0/quantity' }] }, '400 x'],
    [
      'lines of text, as Nest’s pipe has them',
      { statusCode: 400, error: 'Bad Request', message: ['lines.0.quantity: Too small'] },
      '400 with fields',
    ],
    ['a shape of somebody’s own', { error: { code: 'x', fields: [{ path: ['lines', 0, 'quantity'] }] } }, '400 x'],
    ['names of fields', { errors: [{ field: 'lines.0.quantity' }] }, '400 with fields'],
  ])('finds the field in %s', (_what, body, as) =>
    expect(understood(answer(400, body), wrongInput)).toEqual({ as, lacks: [] }),
  );

  it('says what it lacks', () => {
    expect(understood(answer(400, { code: 'x', errors: [{ pointer: '/other' }] }), wrongInput).lacks).toEqual([
      'field',
    ]);
    const rest = { means: 'x', bytes: '', needs: { wait: true, allow: true, trace: true } } as const;
    expect(understood(answer(503, {}), rest).lacks).toEqual(['wait', 'allow', 'trace']);
    expect(understood(answer(503, { traceId: 'a' }, { 'retry-after': '1', allow: 'GET' }), rest).lacks).toEqual([]);
  });

  it.each(['', 'Bad Request', '[]', 'null'])('goes by the status of "%s"', (body) =>
    expect(understood(answer(400, body), { means: 'x', bytes: '' })).toEqual({ as: '400', lacks: [] }),
  );
});

describe('failures', () => {
  it('are confused when one name stands for two that call for different things', () => {
    expect([
      ...confused([
        { means: 'a', as: '400' },
        { means: 'b', as: '400' },
        { means: 'c', as: '404' },
        { means: 'c', as: '404' },
      ]),
    ]).toEqual(['400']);
  });
});
