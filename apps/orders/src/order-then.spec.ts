import type { RecordedEvent } from '@shop/eventing';
import { describe, expect, it } from 'vitest';
import type { OrderEvent } from './domain/order.ts';
import { orderAt, withoutToken } from './order-then.ts';

const at = (second: number) => new Date(Date.UTC(2026, 0, 31, 12, 0, second));
const placed = {
  orderId: 'o1',
  customerId: 'c1',
  lines: [],
  total: { amount: 2500, currency: 'EUR' },
  paymentToken: 'tok_1',
};
const events: RecordedEvent<OrderEvent>[] = [
  { version: 1, recordedAt: at(0).toISOString(), event: { type: 'OrderPlaced', ...placed } },
  { version: 2, recordedAt: at(10).toISOString(), event: { type: 'StockReserved' } },
  { version: 3, recordedAt: at(20).toISOString(), event: { type: 'OrderCancelled', reason: 'customer' } },
];

describe('an order at a moment', () => {
  it('is what it is now when none is named', () =>
    expect(orderAt(events, undefined)).toMatchObject({
      version: 3,
      state: { status: 'cancelled', reason: 'customer' },
    }));

  it.each([
    [1, 'placed'],
    [2, 'reserved'],
    [3, 'cancelled'],
  ])('was at version %i %s', (version, status) =>
    expect(orderAt(events, { version })).toMatchObject({ version, state: { status } }),
  );

  it.each([
    [0, 1, 'placed'],
    [9, 1, 'placed'],
    [10, 2, 'reserved'],
    [3_600, 3, 'cancelled'],
  ])('was %i s after it was placed at version %i %s', (second, version, status) => {
    const then = orderAt(events, { at: at(second) });
    expect(then).toMatchObject({ version, state: { status } });
    expect(then.happened).toHaveLength(version);
  });

  it('was not yet, or never', () => {
    expect(() => orderAt(events, { at: at(-1) })).toThrow(
      'The order was placed at 2026-01-31T12:00:00.000Z; before that there was none.',
    );
    expect(() => orderAt(events, { version: 4 })).toThrow('The order has the versions 1 to 3, and no version 4.');
    expect(() => orderAt(events, { version: 0 })).toThrow('no version 0');
  });

  it('is shown without the payment token', () =>
    expect(JSON.stringify(withoutToken(orderAt(events, undefined).state))).not.toContain('tok_1'));
});
