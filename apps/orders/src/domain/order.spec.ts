import { fold, specFor, type DomainError } from '@shop/kernel';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { order, type OrderCommand, type OrderEvent } from './order.ts';

const { given } = specFor(order);
const mug = { id: 'mug', name: 'Mug', price: 1250, currency: 'EUR' };
const place: OrderCommand = {
  type: 'PlaceOrder',
  orderId: 'o1',
  customerId: 'c1',
  lines: [{ productId: 'mug', quantity: 2 }],
  products: new Map([['mug', mug]]),
  pricing: 'list',
  paymentToken: 'tok_1',
};
const placed: OrderEvent = {
  type: 'OrderPlaced',
  orderId: 'o1',
  customerId: 'c1',
  lines: [{ productId: 'mug', name: 'Mug', quantity: 2, unitPrice: 1250 }],
  total: { amount: 2500, currency: 'EUR' },
  paymentToken: 'tok_1',
};
const reserved: OrderEvent = { type: 'StockReserved' };
const authorised: OrderEvent = { type: 'PaymentAuthorised', paymentId: 'p1' };
const confirmed: OrderEvent = { type: 'OrderConfirmed' };
const cancelled = (reason: 'customer' | 'out-of-stock' | 'payment-declined' | 'timed-out'): OrderEvent => ({
  type: 'OrderCancelled',
  reason,
});

describe('given nothing', () => {
  it('places an order at the prices of the catalog', () => given().when(place).then(placed));
  it('takes something off where many of one product are bought, and writes down how much and by which rule', () =>
    given()
      .when({ ...place, pricing: 'volume-discount', lines: [{ productId: 'mug', quantity: 10 }] })
      .then({
        ...placed,
        lines: [{ productId: 'mug', name: 'Mug', quantity: 10, unitPrice: 1188 }],
        total: { amount: 11_880, currency: 'EUR' },
        discount: { rule: 'volume-discount', amount: 620 },
      }));
  it('writes no discount down where the rule takes nothing off', () =>
    given()
      .when({ ...place, pricing: 'volume-discount' })
      .then(placed));
  it('refuses a product it does not know', () =>
    given()
      .when({ ...place, lines: [{ productId: 'ghost', quantity: 1 }] })
      .fails('unknown-product'));
  it('refuses two currencies in one order', () =>
    given()
      .when({
        ...place,
        lines: [...place.lines, { productId: 'tea', quantity: 1 }],
        products: new Map([
          ['mug', mug],
          ['tea', { id: 'tea', name: 'Tea', price: 400, currency: 'USD' }],
        ]),
      })
      .fails('mixed-currencies'));
  it('refuses a sum beyond what can be counted', () =>
    given()
      .when({ ...place, products: new Map([['mug', { ...mug, price: Number.MAX_SAFE_INTEGER }]]) })
      .fails('amount-too-large'));
  it('knows of no order to cancel', () => given().when({ type: 'CancelOrder' }).fails('order-not-found'));
});

describe('given a placed order', () => {
  it('goes on when the stock is reserved', () => given(placed).when({ type: 'NoteStockReserved' }).then(reserved));
  it('ends when the stock is refused', () =>
    given(placed)
      .when({ type: 'NoteStockRefused', productIds: ['mug'] })
      .then({ type: 'StockRefused', productIds: ['mug'] }, cancelled('out-of-stock')));
  it('ends when the customer cancels', () => given(placed).when({ type: 'CancelOrder' }).then(cancelled('customer')));
  it('ends when nobody answers in time', () =>
    given(placed).when({ type: 'ExpireOrder' }).then(cancelled('timed-out')));
  it('does not believe in a payment before the stock', () =>
    given(placed).when({ type: 'NotePaymentAuthorised', paymentId: 'p1' }).then());
  it('is not placed twice', () => given(placed).when(place).fails('order-exists'));
});

describe('given a reserved order', () => {
  it('is confirmed when the payment is authorised', () =>
    given(placed, reserved).when({ type: 'NotePaymentAuthorised', paymentId: 'p1' }).then(authorised, confirmed));
  it('ends when the payment is declined', () =>
    given(placed, reserved)
      .when({ type: 'NotePaymentDeclined', reason: 'card' })
      .then({ type: 'PaymentDeclined', reason: 'card' }, cancelled('payment-declined')));
  it('hears the reservation twice and does nothing', () =>
    given(placed, reserved).when({ type: 'NoteStockReserved' }).then());
});

describe('given a confirmed order', () => {
  const history = [placed, reserved, authorised, confirmed];
  it('refuses cancellation', () =>
    given(...history)
      .when({ type: 'CancelOrder' })
      .fails('order-not-cancellable'));
  it('does not expire', () =>
    given(...history)
      .when({ type: 'ExpireOrder' })
      .then());
});

describe('given a cancelled order', () => {
  const history = [placed, cancelled('customer')];
  it('is cancelled again without a word', () =>
    given(...history)
      .when({ type: 'CancelOrder' })
      .then());
  it('ignores outcomes that come late', () => {
    given(...history)
      .when({ type: 'NoteStockReserved' })
      .then();
    given(...history)
      .when({ type: 'NotePaymentAuthorised', paymentId: 'p1' })
      .then();
  });
});

describe('whatever is said to an order, in whatever order', () => {
  const commands = fc.array(
    fc.constantFrom<OrderCommand>(
      { type: 'NoteStockReserved' },
      { type: 'NoteStockRefused', productIds: ['mug'] },
      { type: 'NotePaymentAuthorised', paymentId: 'p1' },
      { type: 'NotePaymentDeclined', reason: 'card' },
      { type: 'CancelOrder' },
      { type: 'ExpireOrder' },
    ),
    { maxLength: 12 },
  );

  function live(said: readonly OrderCommand[]): OrderEvent[] {
    const events: OrderEvent[] = [placed];
    for (const command of said) {
      try {
        events.push(...order.decide(fold(order, events), command));
      } catch (error) {
        expect((error as DomainError).code).toBe('order-not-cancellable');
      }
    }
    return events;
  }

  it('ends at most once and never changes after its end', () =>
    fc.assert(
      fc.property(commands, (said) => {
        const ends = live(said).flatMap((event, at) =>
          event.type === 'OrderConfirmed' || event.type === 'OrderCancelled' ? [at] : [],
        );
        expect(ends.length).toBeLessThanOrEqual(1);
        if (ends.length === 1) expect(ends[0]).toBe(live(said).length - 1);
      }),
    ));

  it('says the same thing only once', () =>
    fc.assert(
      fc.property(commands, (said) => {
        const twice = said.flatMap((command) => [command, command]);
        expect(live(twice)).toEqual(live(said));
      }),
    ));
});
