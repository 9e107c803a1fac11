import { describe, expect, it } from 'vitest';
import type { Order, OrderEvent } from './order.ts';
import { awaits, lookAfter, patience, remedy, steps } from './saga.ts';

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

  it.each<[Order['status'], string[], number | undefined]>([
    ['none', [], undefined],
    ['placed', ['reserve-stock'], 120_000],
    ['reserved', ['authorise-payment'], 300_000],
    ['confirmed', ['commit-stock', 'capture-payment'], undefined],
    ['cancelled', ['release-stock', 'void-payment'], undefined],
  ])('of a %s order awaits %j, and gives it up after %j ms', (status, awaited, ms) => {
    expect([awaits({ status } as Order), patience({ status } as Order)]).toEqual([awaited, ms]);
  });
});

describe('what is not answered', () => {
  const placed = { status: 'placed' } as Order;
  const confirmed = { status: 'confirmed' } as Order;

  it('is asked for again after half a minute, ever more rarely, and never less often than every five minutes', () => {
    expect([1, 2, 3, 4, 5, 50].map(lookAfter)).toEqual([30_000, 60_000, 120_000, 240_000, 300_000, 300_000]);
  });

  it('is asked for until the order gives up, and looked at when it does', () => {
    expect(remedy(placed, { awaited: ['reserve-stock'], asked: 1, waitedMs: 30_000 })).toEqual({
      type: 'ask-again',
      steps: ['reserve-stock'],
      lookInMs: 60_000,
    });
    expect(remedy(placed, { awaited: ['reserve-stock'], asked: 2, waitedMs: 90_000 })).toEqual({
      type: 'ask-again',
      steps: ['reserve-stock'],
      lookInMs: 30_000,
    });
    expect(remedy(placed, { awaited: ['reserve-stock'], asked: 3, waitedMs: 120_000 })).toEqual({ type: 'give-up' });
  });

  it('of the last steps is asked for without end', () => {
    expect(remedy(confirmed, { awaited: ['capture-payment'], asked: 40, waitedMs: 9_000_000 })).toEqual({
      type: 'ask-again',
      steps: ['capture-payment'],
      lookInMs: 300_000,
    });
  });

  it('is known by the state where the version before wrote no steps down, or those of the step before', () => {
    expect(
      remedy({ status: 'reserved' } as Order, { awaited: ['reserve-stock'], asked: 1, waitedMs: 30_000 }),
    ).toMatchObject({ steps: ['authorise-payment'] });
  });
});
