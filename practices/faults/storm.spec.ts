import { describe, expect, it } from 'vitest';
import type { Answer, Command } from '../checker/evidence.ts';
import { recovered } from './storm.ts';

const BACK = 1_000;
/** Somebody who asks so many ms after orders could be reached again. */
const asks = (afterMs: number, first: Partial<Answer>): Command => ({
  kind: 'place',
  key: String(afterMs),
  customer: 'c',
  body: { lines: [], paymentToken: 't' },
  answers: [{ asked: BACK + afterMs, ...first }, { asked: BACK + afterMs + 500, status: 201, order: 'o' }],
});
/** Ten a second for so long; those before `goodFromMs` have to ask again. */
const orders = (forMs: number, goodFromMs: number) => Array.from({ length: forMs / 100 }, (_, n) => asks(n * 100, { status: n * 100 < goodFromMs ? 503 : 201 }));

describe('a shop is back', () => {
  it.each([
    [0, 0],
    [3_000, 3_000],
    [14_000, 14_000],
  ])('where orders are taken at once from %i ms on', (goodFromMs, backMs) => {
    expect(recovered(orders(20_000, goodFromMs), BACK, BACK + 20_000)).toBe(backMs);
  });

  it('never, where they are not, or where nobody asks any more', () => {
    expect(recovered(orders(20_000, 20_000), BACK, BACK + 20_000)).toBe(Infinity);
    expect(recovered([], BACK, BACK + 20_000)).toBe(Infinity);
  });

  it('not while it takes them only now and then', () => {
    const flapping = orders(20_000, 0).map((command, n) => (n % 10 === 0 ? asks(n * 100, {}) : command));
    expect(recovered(flapping, BACK, BACK + 20_000)).toBe(Infinity);
  });
});
