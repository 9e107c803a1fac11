import type { ConsumerName } from '@shop/contracts';

/** Requests to the gateway that an objective is about, by method and by the pattern of their route (a regular expression, the whole of it). */
export interface Requests {
  readonly method: 'GET' | 'POST';
  readonly route: string;
}

interface Aim {
  /** The name in rules, alerts and reports. */
  readonly id: string;
  /** What is promised, to a person. */
  readonly title: string;
  /** Share of good ones over thirty days: 0.999 leaves 43 minutes of a whole outage. */
  readonly target: number;
}

/** A request is good when it is answered, whatever the answer, unless that is a 5xx. */
export interface Availability extends Aim {
  readonly kind: 'availability';
  readonly requests: Requests;
}

/** A request is good when its answer, of whatever kind, is there in time. `withinMs` is a bound of the histogram (durationBuckets). */
export interface Latency extends Aim {
  readonly kind: 'latency';
  readonly requests: Requests;
  readonly withinMs: number;
}

/** A message is good when its consumer has had its effect in time, from the moment it was written. `withinMs` is a bound of the histogram. */
export interface Freshness extends Aim {
  readonly kind: 'freshness';
  readonly consumer: ConsumerName;
  readonly withinMs: number;
}

export type Objective = Availability | Latency | Freshness;

const placing: Requests = { method: 'POST', route: '/v[12]/orders' };
const reading: Requests = { method: 'GET', route: '/v[12]/(products|orders)(/:id)?' };

/**
 * What the shop promises, over thirty days. The one place for these numbers: Prometheus' rules and alerts, the thresholds of load tests and
 * the page of objectives are made from it.
 */
export const objectives: readonly Objective[] = [
  { kind: 'availability', id: 'place-order-availability', title: 'An order can be placed', requests: placing, target: 0.999 },
  { kind: 'latency', id: 'place-order-latency', title: 'Placing an order is answered within half a second', requests: placing, withinMs: 500, target: 0.99 },
  { kind: 'availability', id: 'read-availability', title: 'Products and orders can be read', requests: reading, target: 0.999 },
  { kind: 'latency', id: 'read-latency', title: 'Reading is answered within a quarter of a second', requests: reading, withinMs: 250, target: 0.99 },
  { kind: 'freshness', id: 'order-list-freshness', title: 'The list of orders shows a change within a second', consumer: 'orders.list', withinMs: 1_000, target: 0.99 },
  { kind: 'freshness', id: 'saga-freshness', title: 'An order goes on within a second of an answer', consumer: 'orders.saga', withinMs: 1_000, target: 0.99 },
];
