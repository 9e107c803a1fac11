import { order, type Order, type OrderCommand, type OrderEvent, type SagaStep } from '@shop/orders';
import { payment, type Payment, type PaymentCommand } from '@shop/payments';
import type { StockStep } from './books.fixture.ts';

type PaymentStep = Exclude<SagaStep, StockStep>;
export const isAboutStock = (step: SagaStep): step is StockStep => step.endsWith('-stock');

export interface Message<T> {
  readonly id: number;
  readonly body: T;
}

/**
 * What one consumer reads about one order: in order, and again from any earlier place after a crash, a rebalance or a
 * replay.
 */
export class Lane<T> {
  readonly #log: Message<T>[] = [];
  readonly inbox = new Set<number>();
  at = 0;
  /** How often it went from one instance to another. */
  turn = 0;

  push(...bodies: T[]): void {
    for (const body of bodies) this.#log.push({ id: this.#log.length, body });
  }

  get head(): Message<T> | undefined {
    return this.#log[this.at];
  }

  /** To another instance, which reads again from a little earlier, or from the beginning. */
  setBack(to: number): void {
    this.at = to;
    this.turn++;
  }

  /** Acknowledges a message, unless the lane has been set back behind it meanwhile. */
  done({ id }: Message<T>): void {
    if (this.head?.id === id) this.at++;
  }
}

/** What orders hears: an outcome, or that a last step is done. */
export type Heard = OrderCommand | { readonly type: 'Answered'; readonly step: SagaStep };

/** What orders has asked for and not been told: the row of a deadline. */
export interface Awaited {
  readonly steps: readonly SagaStep[];
  readonly asked: number;
  readonly since: number;
  readonly dueAt: number;
}

/** One order with everything that others keep about it. */
export interface Case {
  readonly id: string;
  readonly events: OrderEvent[];
  state: Order;
  awaited: Awaited | undefined;
  readonly toCatalog: Lane<StockStep>;
  readonly toPayments: Lane<PaymentStep>;
  readonly toOrders: { readonly catalog: Lane<Heard>; readonly payments: Lane<Heard> };
  payment: Payment;
  /** The row of an open outcome. */
  open: { askedBy: number; dueAt: number } | undefined;
}

/**
 * Something an instance of payments has begun: it has read, and not yet asked or written. It may stand still there, or
 * die.
 */
export interface Hand {
  readonly of: Case;
  readonly state: Payment;
  readonly command: PaymentCommand;
  readonly readAt: number;
  readonly message: Message<PaymentStep> | undefined;
  readonly turn: number;
}

export function newCase(id: string): Case {
  const toOrders = { catalog: new Lane<Heard>(), payments: new Lane<Heard>() };
  return {
    id,
    events: [],
    state: order.initial,
    awaited: undefined,
    toCatalog: new Lane(),
    toPayments: new Lane(),
    toOrders,
    payment: payment.initial,
    open: undefined,
  };
}

export const lanesOf = ({ toCatalog, toPayments, toOrders }: Case): Lane<unknown>[] =>
  [toCatalog, toPayments, toOrders.catalog, toOrders.payments] as Lane<unknown>[];

export function placing(orderId: string): OrderCommand {
  const products = new Map([['mug', { id: 'mug', name: 'Mug', price: 1250, currency: 'EUR' }]]);
  return {
    type: 'PlaceOrder',
    orderId,
    customerId: 'c1',
    lines: [{ productId: 'mug', quantity: 1 }],
    products,
    pricing: 'list',
    paymentToken: 'tok_1',
  };
}

export function commandOf(step: PaymentStep): PaymentCommand {
  switch (step) {
    case 'authorise-payment':
      return { type: 'AuthorisePayment', amount: 1250, currency: 'EUR', paymentToken: 'tok_1' };
    case 'capture-payment':
      return { type: 'CapturePayment' };
    case 'void-payment':
      return { type: 'VoidPayment' };
  }
}

/** mulberry32: numbers in [0, 1) that a seed fixes. */
export function diceOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
