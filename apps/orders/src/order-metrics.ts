import { orderCancelled, orderConfirmed, orderPlaced, type MessageOf } from '@shop/contracts';
import { meter } from '@shop/platform';
import type { Heard, ListedOrder } from './listed-orders.ts';

/** An order waits for a provider and at most for its deadline: from a quick one to a given-up one, in seconds. */
const bounds = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];

const outcomes: Readonly<Record<string, string>> = {
  [orderPlaced.type]: 'placed',
  [orderConfirmed.type]: 'confirmed',
  [orderCancelled.type]: 'cancelled',
};

/** What a shopkeeper counts: orders, what became of them and why, and how long that took. */
export class OrderMetrics {
  readonly #orders = meter().createCounter('shop.orders', {
    unit: '{order}',
    description: 'Orders placed, confirmed and cancelled, with the reason',
  });
  readonly #duration = meter().createHistogram('shop.order.duration', {
    unit: 's',
    description: 'From an order’s placing to its end',
    advice: { explicitBucketBoundaries: bounds },
  });

  /** One event, the first time it is heard. */
  heard({ type, time, data }: Heard, { placedAt }: ListedOrder): void {
    const outcome = outcomes[type];
    if (outcome === undefined) return;
    const reason = type === orderCancelled.type ? (data as MessageOf<typeof orderCancelled>['data']).reason : undefined;
    this.#orders.add(1, { outcome, ...(reason !== undefined && { reason }) });
    if (outcome !== 'placed') this.#duration.record((Date.parse(time) - Date.parse(placedAt)) / 1e3, { outcome });
  }
}
