import type { Order, OrderEvent } from './order.ts';

/** A step the saga asks somebody else to take. */
export type SagaStep =
  | 'reserve-stock'
  | 'authorise-payment'
  | 'commit-stock'
  | 'capture-payment'
  | 'release-stock'
  | 'void-payment';

/** What an order asks for when it comes into a state, and waits for there: the last steps, too. */
const asked: Readonly<Record<Order['status'], readonly SagaStep[]>> = {
  none: [],
  placed: ['reserve-stock'],
  reserved: ['authorise-payment'],
  confirmed: ['commit-stock', 'capture-payment'],
  cancelled: ['release-stock', 'void-payment'],
};

/**
 * What follows from each event. Steps to one service travel in order under the order's key, so a compensation always
 * arrives after the step it undoes; undoing what was never done is harmless. Cancelling therefore gives back both
 * without asking what was held: an outcome that is still on its way cannot slip through. Every path, drawn:
 * docs/saga.md.
 */
export function steps(event: OrderEvent): readonly SagaStep[] {
  switch (event.type) {
    case 'OrderPlaced':
      return asked.placed;
    case 'StockReserved':
      return asked.reserved;
    case 'OrderConfirmed':
      return asked.confirmed;
    case 'OrderCancelled':
      return asked.cancelled;
    case 'StockRefused':
    case 'PaymentAuthorised':
    case 'PaymentDeclined':
      return [];
  }
}

/** The steps whose answers an order waits for. */
export const awaits = ({ status }: Order): readonly SagaStep[] => asked[status];

/** The last step that an ended order owes a book in which it has not ended; nothing while it is under way. */
export function lastStep({ status }: Order, book: 'reservations' | 'payments'): SagaStep | undefined {
  if (status !== 'confirmed' && status !== 'cancelled') return undefined;
  return asked[status].find((step) => step.endsWith(book === 'reservations' ? '-stock' : '-payment'));
}

/**
 * How long an order waits for an outcome before it gives up, in ms; nothing once it has ended: what is left to be done
 * then is never given up.
 */
export function patience(state: Order): number | undefined {
  switch (state.status) {
    case 'placed':
      return 120_000;
    case 'reserved':
      // A payment provider may be slow or away for a while; the customer can cancel any time.
      return 300_000;
    case 'none':
    case 'confirmed':
    case 'cancelled':
      return undefined;
  }
}

const FIRST_LOOK_MS = 30_000;
const LONGEST_PAUSE_MS = 300_000;

/** How long after steps were asked for the n-th time it is looked whether they have been answered, in ms. */
export function lookAfter(times: number): number {
  return Math.min(FIRST_LOOK_MS * 2 ** (times - 1), LONGEST_PAUSE_MS);
}

/** What an order has waited for in vain. */
export interface Waited {
  /** Steps without an answer; empty where the version before wrote it down. */
  readonly awaited: readonly string[];
  readonly asked: number;
  /** For how long an answer could have come, in ms. */
  readonly waitedMs: number;
}

/**
 * What is to be done about steps that have not been answered: ask once more, and look again in so many ms; or give the
 * order up.
 */
export type Remedy =
  | { readonly type: 'ask-again'; readonly steps: readonly SagaStep[]; readonly lookInMs: number }
  | { readonly type: 'give-up' };

/**
 * Every step is idempotent, so it is asked for again until it is answered, or until the order gives up, which asks for
 * others.
 */
export function remedy(state: Order, { awaited, asked: times, waitedMs }: Waited): Remedy {
  const left = patience(state);
  if (left !== undefined && waitedMs >= left) return { type: 'give-up' };
  const lookInMs = Math.min(lookAfter(times + 1), left === undefined ? Infinity : left - waitedMs);
  return {
    type: 'ask-again',
    steps: left === undefined ? awaits(state).filter((step) => awaited.includes(step)) : awaits(state),
    lookInMs,
  };
}
