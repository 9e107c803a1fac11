import type { Order, OrderEvent } from './order.ts';

/** A step the saga asks somebody else to take. */
export type SagaStep = 'reserve-stock' | 'authorise-payment' | 'commit-stock' | 'capture-payment' | 'release-stock' | 'void-payment';

/**
 * What follows from each event. Steps to one service travel in order under the order's key, so a compensation always arrives after the
 * step it undoes; undoing what was never done is harmless. Cancelling therefore gives back both without asking what was held:
 * an outcome that is still on its way cannot slip through. Every path, drawn: docs/saga.md.
 */
export function steps(event: OrderEvent): readonly SagaStep[] {
  switch (event.type) {
    case 'OrderPlaced':
      return ['reserve-stock'];
    case 'StockReserved':
      return ['authorise-payment'];
    case 'OrderConfirmed':
      return ['commit-stock', 'capture-payment'];
    case 'OrderCancelled':
      return ['release-stock', 'void-payment'];
    case 'StockRefused':
    case 'PaymentAuthorised':
    case 'PaymentDeclined':
      return [];
  }
}

/** How long the saga waits for the next outcome before it gives the order up, in milliseconds; nothing once the order has ended. */
export function patience(state: Order): number | undefined {
  switch (state.status) {
    case 'placed':
      return 120_000;
    case 'reserved':
      // A payment provider may be slow or away for a while; the customer can cancel any time.
      return 300_000;
    case 'none':
    case 'confirmed':
    case 'cancelled':
      return undefined;
  }
}
