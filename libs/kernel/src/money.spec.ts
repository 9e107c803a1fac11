import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { largestAmount, total } from './money.ts';

const euros = (amount: number) => ({ amount, currency: 'EUR' });

describe('a total', () => {
  it('is the sum of prices times quantities, in whole minor units', () =>
    fc.assert(
      fc.property(
        fc.array(fc.record({ unitPrice: fc.nat(1_000_000).map(euros), quantity: fc.integer({ min: 1, max: 1_000 }) }), {
          minLength: 1,
        }),
        (lines) => {
          const expected = lines.reduce((sum, line) => sum + BigInt(line.unitPrice.amount) * BigInt(line.quantity), 0n);
          expect(total(lines)).toEqual(euros(Number(expected)));
        },
      ),
    ));

  it('of two currencies is refused', () =>
    expect(() =>
      total([
        { unitPrice: euros(1), quantity: 1 },
        { unitPrice: { amount: 1, currency: 'USD' }, quantity: 1 },
      ]),
    ).toThrow(expect.objectContaining({ kind: 'invalid', code: 'mixed-currencies' })));

  it('beyond what can be charged is refused', () =>
    expect(() => total([{ unitPrice: euros(largestAmount), quantity: 2 }])).toThrow(
      expect.objectContaining({ code: 'amount-too-large' }),
    ));

  it('of nothing is refused', () => expect(() => total([])).toThrow(expect.objectContaining({ code: 'no-lines' })));
});
