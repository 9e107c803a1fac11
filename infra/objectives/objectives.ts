import type { ConsumerName } from '@shop/contracts';

/** A request as the gateway's histogram knows it. */
export interface Route {
  readonly method: string;
  /** The pattern of its path, as in `http_route`. */
  readonly route: string;
}

interface Promised {
  readonly id: string;
  /** What a customer is promised, as a sentence. */
  readonly promise: string;
  /** The share of events that has to be good, below 1: the rest is the error budget. */
  readonly target: number;
}

/**
 * Good: answered by anything but 5xx. What a client did wrong (4xx) is no failure of ours, and neither is a limit (429)
 * that is written down.
 */
export interface Availability extends Promised {
  readonly kind: 'availability';
  readonly routes: readonly Route[];
}

/**
 * Good: answered without failing (not 5xx) within so many seconds, at the gateway. One of `durationBuckets`, so that a
 * histogram can tell.
 */
export interface Latency extends Promised {
  readonly kind: 'latency';
  readonly routes: readonly Route[];
  readonly withinSeconds: number;
}

/**
 * Good: so many seconds after a change was recorded, `consumer` has made it visible. One of the bounds of
 * `messaging.consumer.lag`.
 */
export interface Freshness extends Promised {
  readonly kind: 'freshness';
  readonly consumer: ConsumerName;
  readonly withinSeconds: number;
}

export type Objective = Availability | Latency | Freshness;

/** Over how long an objective is kept, in days. */
export const windowDays = 30;

/** The share that may go wrong, without what floating point makes of it. */
export const budgetOf = ({ target }: Objective): number => Number((1 - target).toFixed(6));

const placing: readonly Route[] = [{ method: 'POST', route: '/v1/orders' }];
const reading: readonly Route[] = [
  { method: 'GET', route: '/v1/products' },
  { method: 'GET', route: '/v1/products/:id' },
  { method: 'GET', route: '/v1/orders' },
  { method: 'GET', route: '/v1/orders/:id' },
];

/** What the shop promises: the thresholds of load tests, the recording rules and the alerts are made from this. */
export const objectives: readonly Objective[] = [
  {
    id: 'place-order-availability',
    kind: 'availability',
    target: 0.999,
    routes: placing,
    promise: 'Of a thousand orders, 999 are taken or refused for a reason',
  },
  {
    id: 'place-order-latency',
    kind: 'latency',
    target: 0.99,
    withinSeconds: 0.5,
    routes: placing,
    promise: 'Of a hundred orders, 99 are answered within 500 ms',
  },
  {
    id: 'read-availability',
    kind: 'availability',
    target: 0.999,
    routes: reading,
    promise: 'Of a thousand looks at products and orders, 999 are answered',
  },
  {
    id: 'read-latency',
    kind: 'latency',
    target: 0.99,
    withinSeconds: 0.25,
    routes: reading,
    promise: 'Of a hundred looks at products and orders, 99 are answered within 250 ms',
  },
  {
    id: 'order-freshness',
    kind: 'freshness',
    target: 0.99,
    withinSeconds: 1,
    consumer: 'orders.list',
    promise: 'Of a hundred changes of an order, 99 stand in the list of orders within a second',
  },
  {
    id: 'saga-freshness',
    kind: 'freshness',
    target: 0.99,
    withinSeconds: 1,
    consumer: 'orders.saga',
    promise: 'Of a hundred answers to an order, 99 move it on within a second',
  },
];
