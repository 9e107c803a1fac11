import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { discountOf, mayBeDiscounted, unitPrice } from './pricing.ts';

const line = fc.record({ price: fc.nat(1_000_000), quantity: fc.integer({ min: 1, max: 1_000 }) });

describe('the volume discount', () => {
  it('takes five per cent off ten or more of one product, in whole minor units, and never makes anything free', () =>
    fc.assert(
      fc.property(line, ({ price, quantity }) => {
        const discounted = unitPrice('volume-discount', { price, quantity });
        expect(Number.isInteger(discounted)).toBe(true);
        expect(Math.abs(discounted - (quantity < 10 ? price : price * 0.95))).toBeLessThanOrEqual(0.5);
        if (price > 0) expect(discounted).toBeGreaterThan(0);
      }),
    ));

  it('is, with what is paid, the list price again; and it is asked for wherever it would take something off', () =>
    fc.assert(
      fc.property(fc.array(line, { minLength: 1 }), (lines) => {
        const sum = (pricing: 'list' | 'volume-discount') =>
          lines.reduce((total, each) => total + unitPrice(pricing, each) * each.quantity, 0);
        const discount = discountOf('volume-discount', lines);
        expect(sum('volume-discount') + (discount?.amount ?? 0)).toBe(sum('list'));
        if (discount) expect(mayBeDiscounted(lines)).toBe(true);
      }),
    ));

  it('is none at list prices', () => expect(discountOf('list', [{ price: 1000, quantity: 100 }])).toBeUndefined());
});
