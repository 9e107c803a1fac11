import { releaseStock, voidPayment } from '@shop/contracts';
import type { Process } from '@shop/eventing';
import { orderProcess, type Order, type OrderCommand, type OrderEvent } from '@shop/orders';

/**
 * The product's own process, but for one thing: an order that is cancelled is cancelled, and nobody else hears that it
 * is to give back.
 */
export const withoutCompensation: Process<Order, OrderCommand, OrderEvent> = {
  ...orderProcess,
  announce: (event, state, version) =>
    orderProcess
      .announce(event, state, version)
      .filter(({ contract }) => contract !== releaseStock && contract !== voidPayment),
};
