import {
  authorisePayment,
  capturePayment,
  commitStock,
  orderCancelled,
  orderConfirmed,
  orderPaymentAuthorised,
  orderPaymentDeclined,
  orderPlaced,
  orderStockRefused,
  orderStockReserved,
  releaseStock,
  reserveStock,
  voidPayment,
} from '@shop/contracts';
import { event as message, type Outgoing, type Process } from '@shop/eventing';
import { order, type Order, type OrderCommand, type OrderEvent } from './domain/order.ts';
import { awaits, lookAfter, patience as givesUpAfter, steps, type SagaStep } from './domain/saga.ts';

type Existing = Exclude<Order, { status: 'none' }>;

/**
 * The order as a process: every event is announced as a fact, and what it calls for is asked of the others, in one
 * breath.
 */
export const orderProcess: Process<Order, OrderCommand, OrderEvent> = {
  decider: order,
  announce(event, state, version) {
    if (state.status === 'none') return [];
    return [fact(event, state, version), ...steps(event).map((step) => stepMessage(step, state))];
  },
  patience: (state) => (state.status === 'none' ? undefined : lookAfter(1)),
  givesUpAfter,
  awaits,
};

/** Steps that are asked for once more, as they were asked for. */
export const askAgain = (asked: readonly SagaStep[], state: Order): Outgoing[] =>
  state.status === 'none' ? [] : asked.map((step) => stepMessage(step, state));

/** The public form of an event; the payment token stays in the stream. */
function fact(event: OrderEvent, state: Existing, sequence: number): Outgoing {
  const { orderId, customerId, total, currency } = state;
  const key = orderId;
  const about = { orderId, customerId };
  switch (event.type) {
    case 'OrderPlaced':
      return message(orderPlaced, { key, sequence, data: { ...about, lines: [...event.lines], total, currency } });
    case 'StockReserved':
      return message(orderStockReserved, { key, sequence, data: about });
    case 'StockRefused':
      return message(orderStockRefused, { key, sequence, data: { ...about, productIds: [...event.productIds] } });
    case 'PaymentAuthorised':
      return message(orderPaymentAuthorised, { key, sequence, data: { ...about, paymentId: event.paymentId } });
    case 'PaymentDeclined':
      return message(orderPaymentDeclined, { key, sequence, data: { ...about, reason: event.reason } });
    case 'OrderConfirmed':
      return message(orderConfirmed, { key, sequence, data: { ...about, total, currency } });
    case 'OrderCancelled':
      return message(orderCancelled, { key, sequence, data: { ...about, reason: event.reason, total, currency } });
  }
}

function stepMessage(step: SagaStep, { orderId, lines, total, currency, paymentToken }: Existing): Outgoing {
  const key = orderId;
  switch (step) {
    case 'reserve-stock':
      return message(reserveStock, {
        key,
        data: { orderId, lines: lines.map(({ productId, quantity }) => ({ productId, quantity })) },
      });
    case 'commit-stock':
      return message(commitStock, { key, data: { orderId } });
    case 'release-stock':
      return message(releaseStock, { key, data: { orderId } });
    case 'authorise-payment':
      return message(authorisePayment, { key, data: { orderId, amount: total, currency, paymentToken } });
    case 'capture-payment':
      return message(capturePayment, { key, data: { orderId } });
    case 'void-payment':
      return message(voidPayment, { key, data: { orderId } });
  }
}
