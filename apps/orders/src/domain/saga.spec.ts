import { describe, expect, it } from 'vitest';
import type { Order, OrderEvent } from './order.ts';
import { patience, steps } from './saga.ts';

/** What each event calls for. That it is enough, whatever happens on the way, is lived through in infra/saga. */
describe('a saga', () => {
  it.each<[OrderEvent['type'], string[]]>([
    ['OrderPlaced', ['reserve-stock']],
    ['StockReserved', ['authorise-payment']],
    ['StockRefused', []],
    ['PaymentAuthorised', []],
    ['PaymentDeclined', []],
    ['OrderConfirmed', ['commit-stock', 'capture-payment']],
    ['OrderCancelled', ['release-stock', 'void-payment']],
  ])('after %s asks for %j', (type, expected) => expect(steps({ type } as OrderEvent)).toEqual(expected));

  it.each<[Order['status'], number | undefined]>([
    ['none', undefined],
    ['placed', 120_000],
    ['reserved', 300_000],
    ['confirmed', undefined],
    ['cancelled', undefined],
  ])('waits for a %s order %j ms', (status, expected) => expect(patience({ status } as Order)).toBe(expected));
});
