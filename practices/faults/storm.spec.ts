import { describe, expect, it } from 'vitest';
import type { Command } from '../checker/evidence.ts';
import { recovered } from './storm.ts';

const BACK = 1_000;
/** An order that is asked for, so many ms after orders could be reached again, and taken after 500 ms or not at all. */
const order = (afterMs: number, status: number): Command => ({
  kind: 'place',
  key: String(afterMs),
  customer: 'c',
  body: { lines: [], paymentToken: 't' },
  answers: [
    { asked: BACK - 20_000, status: 503, ms: 3 },
    { asked: BACK + afterMs - 500, ms: 500, status, order: 'o' },
  ],
});
/** Ten a second for so long; those before `goodFromMs` are not taken. */
const orders = (forMs: number, goodFromMs: number) =>
  Array.from({ length: forMs / 100 }, (_, n) => order(n * 100, n * 100 < goodFromMs ? 503 : 201));
const over = (seconds: number) => ({ back: BACK, until: BACK + seconds * 1_000, rate: 10 });

describe('a shop is back', () => {
  it.each([
    [0, 0],
    [3_000, 3_000],
    [14_000, 14_000],
  ])('where as many orders as arrive are taken from %i ms on', (goodFromMs, backMs) => {
    expect(recovered(orders(20_000, goodFromMs), over(20))).toBe(backMs);
  });

  it('never, where they are not, or where nobody asks any more', () => {
    expect(recovered(orders(20_000, 20_000), over(20))).toBe(Infinity);
    expect(recovered([], over(20))).toBe(Infinity);
  });

  it('not while it takes nine of ten', () => {
    expect(
      recovered(
        orders(20_000, 0).filter((_, n) => n % 10 !== 0),
        over(20),
      ),
    ).toBe(Infinity);
  });

  it('not while a pause comes again and again, however much is taken in between', () => {
    const flapping = orders(20_000, 0).filter((_, n) => n % 100 < 50);
    expect(recovered([...flapping, ...flapping, ...flapping], over(20))).toBe(Infinity);
  });
});
