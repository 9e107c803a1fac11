import { DomainError, fold } from '@shop/kernel';
import type { EventStore, RecordedEvent } from '@shop/eventing';
import { order, type Order, type OrderEvent } from './domain/order.ts';

/** Which moment of an order is meant: after its n-th event, or at a time; absent: now. */
export type Moment = { readonly version: number } | { readonly at: Date } | undefined;

/** An order as it was: what had happened by then, and what it was by that. */
export interface OrderThen {
  readonly version: number;
  readonly happened: readonly RecordedEvent<OrderEvent>[];
  readonly state: Order;
}

/** An order as it was at a moment, as an operator may see it: without the payment token. Throws `not-found`. */
export async function orderThen(store: EventStore, orderId: string, moment: Moment) {
  const events = await store.load<OrderEvent>(orderId);
  if (events.length === 0) throw new DomainError('not-found', 'order-not-found', `There is no order ${orderId}.`);
  const { version, happened, state } = orderAt(events, moment);
  return {
    version,
    happened: happened.map((one) => ({ ...one, event: withoutToken(one.event) })),
    state: withoutToken(state),
  };
}

/** The order as it was at a moment. Throws `not-found` for one at which there was no such order. */
export function orderAt(events: readonly RecordedEvent<OrderEvent>[], moment: Moment): OrderThen {
  const happened = events.filter(({ version, recordedAt }) => {
    if (!moment) return true;
    return 'version' in moment ? version <= moment.version : new Date(recordedAt) <= moment.at;
  });
  const [first, last] = [events[0], events.at(-1)];
  if (moment && 'version' in moment && last && (moment.version < 1 || moment.version > last.version)) {
    throw new DomainError(
      'not-found',
      'no-such-version',
      `The order has the versions 1 to ${last.version}, and no version ${moment.version}.`,
    );
  }
  if (happened.length === 0)
    throw new DomainError(
      'not-found',
      'not-yet-placed',
      `The order was placed at ${first?.recordedAt}; before that there was none.`,
    );
  return {
    version: happened.at(-1)?.version ?? 0,
    happened,
    state: fold(
      order,
      happened.map(({ event }) => event),
    ),
  };
}

/** The payment token is a secret of the customer's, and nothing an operator needs. */
export function withoutToken<T extends object>(value: T): Omit<T, 'paymentToken'> {
  const { paymentToken: _, ...shown } = value as T & { paymentToken?: unknown };
  return shown;
}
