import { DomainError, total, type Decider, type Money } from '@shop/kernel';
import type { CancellationReason } from '@shop/contracts';
import { discountOf, unitPrice, type Discount, type Pricing } from './pricing.ts';

/** A line with the price it was ordered at, in minor units of the order's currency. */
export interface OrderLine {
  readonly productId: string;
  readonly name: string;
  readonly quantity: number;
  readonly unitPrice: number;
}

/** What we know of a product when we price an order. */
export interface PricedProduct {
  readonly id: string;
  readonly name: string;
  readonly price: number;
  readonly currency: string;
}

export type OrderCommand =
  | {
      type: 'PlaceOrder';
      orderId: string;
      customerId: string;
      lines: readonly { productId: string; quantity: number }[];
      products: ReadonlyMap<string, PricedProduct>;
      pricing: Pricing;
      paymentToken: string;
    }
  | { type: 'NoteStockReserved' }
  | { type: 'NoteStockRefused'; productIds: readonly string[] }
  | { type: 'NotePaymentAuthorised'; paymentId: string }
  | { type: 'NotePaymentDeclined'; reason: string }
  | { type: 'CancelOrder' }
  | { type: 'ExpireOrder' };

export type OrderEvent =
  | {
      type: 'OrderPlaced';
      orderId: string;
      customerId: string;
      lines: readonly OrderLine[];
      total: Money;
      /** What was taken off list prices, in the total's currency, and by which rule; absent where nothing was. */
      discount?: Discount;
      paymentToken: string;
    }
  | { type: 'StockReserved' }
  | { type: 'StockRefused'; productIds: readonly string[] }
  | { type: 'PaymentAuthorised'; paymentId: string }
  | { type: 'PaymentDeclined'; reason: string }
  | { type: 'OrderConfirmed' }
  | { type: 'OrderCancelled'; reason: CancellationReason };

interface Placed {
  readonly orderId: string;
  readonly customerId: string;
  readonly lines: readonly OrderLine[];
  readonly total: number;
  readonly currency: string;
  readonly paymentToken: string;
}

/**
 * The order and its saga in one: the saga's progress is the order's state, so the two cannot disagree.
 * placed → reserved → confirmed, with a way out to cancelled from the first two.
 */
export type Order =
  | { readonly status: 'none' }
  | ({ readonly status: 'placed' | 'reserved' | 'confirmed' } & Placed)
  | ({ readonly status: 'cancelled'; readonly reason: CancellationReason } & Placed);

export const order: Decider<Order, OrderCommand, OrderEvent> = {
  initial: { status: 'none' },

  decide(state, command) {
    if (command.type === 'PlaceOrder') return [place(state, command)];
    if (state.status === 'none') throw new DomainError('not-found', 'order-not-found', 'There is no such order.');
    switch (command.type) {
      // An outcome that comes twice, or after the order has ended, changes nothing: what was held has been given back
      // already.
      case 'NoteStockReserved':
        return state.status === 'placed' ? [{ type: 'StockReserved' }] : [];
      case 'NoteStockRefused':
        return state.status === 'placed'
          ? [
              { type: 'StockRefused', productIds: command.productIds },
              { type: 'OrderCancelled', reason: 'out-of-stock' },
            ]
          : [];
      case 'NotePaymentAuthorised':
        return state.status === 'reserved'
          ? [{ type: 'PaymentAuthorised', paymentId: command.paymentId }, { type: 'OrderConfirmed' }]
          : [];
      case 'NotePaymentDeclined':
        return state.status === 'reserved'
          ? [
              { type: 'PaymentDeclined', reason: command.reason },
              { type: 'OrderCancelled', reason: 'payment-declined' },
            ]
          : [];
      case 'CancelOrder':
        return cancel(state);
      case 'ExpireOrder':
        return state.status === 'placed' || state.status === 'reserved'
          ? [{ type: 'OrderCancelled', reason: 'timed-out' }]
          : [];
    }
  },

  evolve(state, event) {
    if (event.type === 'OrderPlaced') {
      const { type: _, discount: __, total, ...placed } = event;
      return { status: 'placed', ...placed, total: total.amount, currency: total.currency };
    }
    if (state.status === 'none') throw new Error(`${event.type} before OrderPlaced: the stream is damaged`);
    switch (event.type) {
      case 'StockReserved':
        return { ...placedOf(state), status: 'reserved' };
      case 'OrderConfirmed':
        return { ...placedOf(state), status: 'confirmed' };
      case 'OrderCancelled':
        return { ...placedOf(state), status: 'cancelled', reason: event.reason };
      case 'StockRefused':
      case 'PaymentAuthorised':
      case 'PaymentDeclined':
        return state;
    }
  },
};

function place(state: Order, command: Extract<OrderCommand, { type: 'PlaceOrder' }>): OrderEvent {
  if (state.status !== 'none') throw new DomainError('conflict', 'order-exists', 'This order has been placed already.');
  const unknown = command.lines.flatMap((line, index) =>
    command.products.has(line.productId)
      ? []
      : [{ pointer: `/lines/${index}/productId`, detail: 'There is no such product.' }],
  );
  if (unknown.length > 0)
    throw new DomainError('invalid', 'unknown-product', 'Not everything in this order is for sale.', unknown);
  const priced = command.lines.map(({ productId, quantity }) => {
    const product = command.products.get(productId) as PricedProduct;
    return { product, quantity, unitPrice: unitPrice(command.pricing, { price: product.price, quantity }) };
  });
  const sum = total(
    priced.map(({ product: { currency }, quantity, unitPrice: amount }) => ({
      unitPrice: { amount, currency },
      quantity,
    })),
  );
  const discount = discountOf(
    command.pricing,
    priced.map(({ product: { price }, quantity }) => ({ price, quantity })),
  );
  return {
    type: 'OrderPlaced',
    orderId: command.orderId,
    customerId: command.customerId,
    lines: priced.map(({ product, quantity, unitPrice }) => ({
      productId: product.id,
      name: product.name,
      quantity,
      unitPrice,
    })),
    total: sum,
    ...(discount && { discount }),
    paymentToken: command.paymentToken,
  };
}

function cancel(state: Exclude<Order, { status: 'none' }>): readonly OrderEvent[] {
  if (state.status === 'cancelled') return [];
  if (state.status === 'confirmed')
    throw new DomainError(
      'conflict',
      'order-not-cancellable',
      'The order is confirmed; it can be returned, not cancelled.',
    );
  return [{ type: 'OrderCancelled', reason: 'customer' }];
}

function placedOf({ orderId, customerId, lines, total, currency, paymentToken }: Placed): Placed {
  return { orderId, customerId, lines, total, currency, paymentToken };
}
