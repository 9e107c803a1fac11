import { handleCommand, type Process, type RecordedEvent } from '@shop/eventing';
import { DomainError, fold } from '@shop/kernel';
import { order, type Order, type OrderCommand, type OrderEvent } from '@shop/orders';
import { serve, takePart } from '../lab/part.ts';
import { memories } from './memories.ts';

/** What clients ask for: a change of an order, or what had become of it. */
export type Question =
  | { readonly orderId: string; readonly change: OrderCommand }
  | { readonly orderId: string; readonly moments: readonly number[] };

/** An order's past, as far as the service can tell. Moments in milliseconds since 1970. */
export interface Past {
  /** Its state at each of the moments asked about. */
  readonly states: readonly Order['status'][];
  /** When it came to each state. */
  readonly since: Partial<Record<Order['status'], number>>;
  /** What it was before it was cancelled, and why it was. */
  readonly cancelled?: { readonly from: Order['status']; readonly reason: string };
  /** What it is now, according to what the service works on. */
  readonly now: Order['status'];
}

/** The process that is killed: the product's own order and command handler, on one memory or another. */
const { variant, database, failPoint } = takePart();
const open = memories[variant];
if (!open) throw new Error(`there is no variant ${variant}`);
const memory = open(database, ({ stream, expectedVersion }) => failPoint(`changed-${stream}-${expectedVersion + 1}`));
const orders: Process<Order, OrderCommand, OrderEvent> = {
  decider: order,
  announce: () => [],
  patience: () => undefined,
};

serve<Question>(
  (question) =>
    'change' in question ? change(question.orderId, question.change) : past(question.orderId, question.moments),
  () => Promise.resolve(),
);

async function change(orderId: string, command: OrderCommand): Promise<{ done: true }> {
  try {
    await handleCommand(memory.store, orders, orderId, withProducts(command), { at: new Date().toISOString() });
  } catch (error) {
    // Asked again, because the answer was lost: it is placed already.
    if (!(error instanceof DomainError && error.code === 'order-exists')) throw error;
  }
  return { done: true };
}

/** A Map does not travel between processes as JSON does. */
function withProducts(command: OrderCommand): OrderCommand {
  if (command.type !== 'PlaceOrder') return command;
  const products = command.lines.map(
    ({ productId: id }) => [id, { id, name: 'Mug', price: 1250, currency: 'EUR' }] as const,
  );
  return { ...command, products: new Map(products) };
}

async function past(orderId: string, moments: readonly number[]): Promise<Past> {
  const history = await memory.history(orderId);
  const [since, cancelled] = [{} as Partial<Record<Order['status'], number>>, [] as NonNullable<Past['cancelled']>[]];
  let state = order.initial;
  for (const { event, recordedAt } of history) {
    const before = state.status;
    state = evolve(state, event);
    since[state.status] ??= Date.parse(recordedAt);
    if (event.type === 'OrderCancelled') cancelled.push({ from: before, reason: event.reason });
  }
  const { status: now } = fold(
    order,
    (await memory.store.load<OrderEvent>(orderId)).map(({ event }) => event),
  );
  return {
    states: moments.map((moment) => stateAt(history, moment)),
    since,
    ...(cancelled[0] ? { cancelled: cancelled[0] } : {}),
    now,
  };
}

function stateAt(history: readonly RecordedEvent<OrderEvent>[], moment: number): Order['status'] {
  return history
    .filter(({ recordedAt }) => Date.parse(recordedAt) <= moment)
    .reduce((state, { event }) => evolve(state, event), order.initial).status;
}

/** A history with holes still tells what it tells. */
function evolve(state: Order, event: OrderEvent): Order {
  return state.status === 'none' && event.type !== 'OrderPlaced' ? state : order.evolve(state, event);
}
