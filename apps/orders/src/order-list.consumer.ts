import { Injectable } from '@nestjs/common';
import { orderCancelled, orderConfirmed, orderPlaced, ordersCheckpoint, orderStockReserved, type CloudEvent } from '@shop/contracts';
import { Consumer, on, type Effect } from '@shop/eventing';
import { listed, listedRows, storeListed, type Heard } from './listed-orders.ts';

/** Folds the orders' own events into the list, also those of types that change nothing in it but the version. */
@Injectable()
export class OrderListConsumer extends Consumer {
  readonly name = 'orders.list';
  override readonly checkpoint = ordersCheckpoint;
  readonly handlers = [orderPlaced, orderStockReserved, orderConfirmed, orderCancelled].map((contract) => on(contract, hear));

  override otherwise(message: CloudEvent, effect: Effect): Promise<unknown> {
    return hear(message, effect);
  }
}

function hear(message: Heard, effect: Effect): Promise<unknown> {
  return effect.transaction(async (tx) => {
    const rows = await listedRows(tx, [message.subject], { lock: true });
    const before = rows.get(message.subject);
    const after = listed(before, message);
    if (after !== before) await storeListed(tx, [after], [...rows.keys()]);
  });
}
