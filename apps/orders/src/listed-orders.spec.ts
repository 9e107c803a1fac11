import { orderCancelled, orderPlaced, orderStockReserved } from '@shop/contracts';
import { describe, expect, it } from 'vitest';
import type { OrderEvent } from './domain/order.ts';
import { difference, listed, listedFrom, rowText, type Heard } from './listed-orders.ts';

const heard = (version: number, type: string, data: Record<string, unknown> = {}): Heard => ({
  type,
  subject: 'o1',
  sequence: String(version),
  time: '2026-01-31T12:00:00.000Z',
  data,
});
const placed = listed(
  undefined,
  heard(1, orderPlaced.type, { orderId: 'o1', customerId: 'c1', total: 2500, currency: 'EUR' }),
);
const recorded = (...events: OrderEvent[]) =>
  events.map((event, index) => ({ version: index + 1, recordedAt: '2026-01-31T12:00:00.000Z', event }));
const order: OrderEvent = {
  type: 'OrderPlaced',
  orderId: 'o1',
  customerId: 'c1',
  lines: [],
  total: { amount: 2500, currency: 'EUR' },
  paymentToken: 'tok',
};

describe('a row of the list', () => {
  it('begins with the order, and follows it', () => {
    expect(placed).toEqual({
      id: 'o1',
      customer: 'c1',
      status: 'placed',
      total: 2500,
      currency: 'EUR',
      placedAt: '2026-01-31T12:00:00.000Z',
      version: 1,
    });
    const reserved = listed(placed, heard(2, orderStockReserved.type));
    expect(listed(reserved, heard(3, orderCancelled.type))).toEqual({ ...placed, status: 'cancelled', version: 3 });
  });

  it('notes the version of what changes nothing else', () =>
    expect(listed(placed, heard(2, 'orders.gift-wrapped.v1'))).toEqual({ ...placed, version: 2 }));

  it('is itself when it has seen the message', () =>
    expect(listed(placed, heard(1, orderCancelled.type))).toBe(placed));

  it('does not skip what was lost or overtaken', () => {
    expect(() => listed(placed, heard(3, orderCancelled.type))).toThrow('order o1: version 3 came after 1');
    expect(() => listed(undefined, heard(2, orderCancelled.type))).toThrow('order o1: version 2 came after 0');
    expect(() => listed(undefined, heard(1, orderCancelled.type))).toThrow('order o1 begins with');
  });
});

describe('the row that the stored events make', () => {
  it('is the one that their messages made', () => {
    expect(listedFrom(recorded(order))).toEqual(placed);
    expect(
      listedFrom(recorded(order, { type: 'StockReserved' }, { type: 'OrderCancelled', reason: 'customer' })),
    ).toMatchObject({ status: 'cancelled', version: 3 });
  });

  it('is none without events, and a reason where they make none', () => {
    expect(listedFrom([])).toBeUndefined();
    expect(listedFrom(recorded({ type: 'StockReserved' }))).toMatchObject({
      message: expect.stringContaining('the stream is damaged'),
    });
  });

  it('is told from another by every field', () => {
    expect(difference({ ...placed, status: 'confirmed', version: 4 }, placed)).toBe(
      'status is confirmed, not placed, version is 4, not 1',
    );
    expect([difference(undefined, placed), difference(placed, undefined), difference(undefined, undefined)]).toEqual([
      'is missing',
      'there is no such order',
      undefined,
    ]);
    for (const field of Object.keys(placed)) expect(rowText({ ...placed, [field]: 'x' })).not.toBe(rowText(placed));
  });
});
