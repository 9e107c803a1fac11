import { Injectable } from '@nestjs/common';
import {
  orderCancelled,
  orderConfirmed,
  orderPlaced,
  ordersCheckpoint,
  orderStockReserved,
  type CloudEvent,
} from '@shop/contracts';
import { Consumer, on, type Effect } from '@shop/eventing';
import { listed, listedRows, storeListed, type Heard } from './listed-orders.ts';
import { OrderMetrics } from './order-metrics.ts';

/** Folds the orders' own events into the list, also those of types that change nothing in it but the version. */
@Injectable()
export class OrderListConsumer extends Consumer {
  readonly name = 'orders.list';
  override readonly checkpoint = ordersCheckpoint;
  override readonly sharesTransactions = true;
  readonly handlers = [orderPlaced, orderStockReserved, orderConfirmed, orderCancelled].map((contract) =>
    on(contract, (message, effect) => this.hear(message, effect)),
  );
  readonly #metrics = new OrderMetrics();

  override otherwise(message: CloudEvent, effect: Effect): Promise<unknown> {
    return this.hear(message, effect);
  }

  private async hear(message: Heard, effect: Effect): Promise<void> {
    const heard = await effect.transaction(async (tx) => {
      const rows = await listedRows(tx, [message.subject], { lock: true });
      const before = rows.get(message.subject);
      const after = listed(before, message);
      if (after === before) return undefined;
      await storeListed(tx, [after], [...rows.keys()]);
      return after;
    });
    if (heard) this.#metrics.heard(message, heard);
  }
}
