import { Injectable } from '@nestjs/common';
import type { OrderStateView, OrderView } from '@shop/contracts';
import { EventStore, type RecordedEvent } from '@shop/eventing';
import { DomainError, fold } from '@shop/kernel';
import { order, type Order, type OrderEvent } from './domain/order.ts';
import { view } from './orders.ts';

type Stream = readonly RecordedEvent<OrderEvent>[];

/** What is read of orders beyond one as it is now: several at once, and one as it was after each of its events. */
@Injectable()
export class ManyOrders {
  constructor(private readonly store: EventStore) {}

  /** Those that are this customer's, in no order, by one statement. */
  async find(customerId: string, ids: readonly string[]): Promise<OrderView[]> {
    const streams = await this.store.loadMany<OrderEvent>(ids);
    const own = [...streams.values()].filter((stream) => isOf(customerId, stream));
    return own.map((events) =>
      view(
        fold(
          order,
          events.map(({ event }) => event),
        ),
        events.length,
        events[0]?.recordedAt ?? '',
      ),
    );
  }

  /**
   * The states after `after`, in order, none left out; without it the present one. Somebody else's order is not found.
   */
  async states(customerId: string, id: string, after?: number): Promise<OrderStateView[]> {
    const events = await this.store.load<OrderEvent>(id);
    if (!isOf(customerId, events)) throw new DomainError('not-found', 'order-not-found', 'There is no such order.');
    let state: Order = order.initial;
    const states = events.map(({ version, recordedAt, event }) =>
      stateView(id, version, { at: recordedAt, state: (state = order.evolve(state, event)) }),
    );
    return states.slice(after ?? -1);
  }
}

function isOf(customerId: string, [placed]: Stream): boolean {
  return placed?.event.type === 'OrderPlaced' && placed.event.customerId === customerId;
}

function stateView(orderId: string, version: number, { at, state }: { at: string; state: Order }): OrderStateView {
  if (state.status === 'none') throw new Error('an order that was never placed has no states');
  return {
    orderId,
    version,
    status: state.status,
    at,
    ...(state.status === 'cancelled' && { cancellation: state.reason }),
  };
}
