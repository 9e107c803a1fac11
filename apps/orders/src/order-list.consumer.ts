import { Injectable } from '@nestjs/common';
import {
  orderCancelled,
  orderConfirmed,
  orderPlaced,
  orderStockReserved,
  type CloudEvent,
  type MessageOf,
  type OrderStatus,
} from '@shop/contracts';
import { Consumer, on, type Effect } from '@shop/eventing';

/** Folds the orders' own events into the list. Every version is noted, also of events that change nothing in it. */
@Injectable()
export class OrderListConsumer extends Consumer {
  readonly name = 'orders.list';
  readonly handlers = [
    on(orderPlaced, (message, effect) => this.add(message, effect)),
    on(orderStockReserved, (message, effect) => this.advance(message, effect, 'reserved')),
    on(orderConfirmed, (message, effect) => this.advance(message, effect, 'confirmed')),
    on(orderCancelled, (message, effect) => this.advance(message, effect, 'cancelled')),
  ];

  override otherwise(message: CloudEvent, effect: Effect): Promise<unknown> {
    return this.advance(message, effect);
  }

  private add({ data, time }: MessageOf<typeof orderPlaced>, effect: Effect): Promise<unknown> {
    return effect.transaction((tx) =>
      tx.query(
        `INSERT INTO order_list (id, customer, status, total, currency, placed_at, version) VALUES ($1, $2, 'placed', $3, $4, $5, 1)
         ON CONFLICT (id) DO NOTHING`,
        [data.orderId, data.customerId, data.total, data.currency, time],
        'order-list-add',
      ),
    );
  }

  /** The next version and no other: a gap means that something was lost or overtaken, and is tried again, not papered over. */
  private advance({ subject, sequence }: Pick<CloudEvent, 'subject' | 'sequence'>, effect: Effect, status?: OrderStatus): Promise<unknown> {
    const version = Number(sequence);
    return effect.transaction(async (tx) => {
      const [row] = await tx.query<{ seen: number }>(
        `WITH advanced AS (
           UPDATE order_list SET status = coalesce($3, status), version = $2 WHERE id = $1 AND version = $2 - 1 RETURNING version)
         SELECT coalesce((SELECT version FROM advanced), (SELECT version FROM order_list WHERE id = $1), 0) AS seen`,
        [subject, version, status],
        'order-list-advance',
      );
      if ((row?.seen ?? 0) < version) throw new Error(`order ${subject}: version ${version} came after ${row?.seen ?? 0}`);
    });
  }
}
