import { paymentAuthorised, paymentDeclined, stockRefused, stockReserved, type CloudEvent } from '@shop/contracts';
import {
  Consumer,
  ConsumerRuntime,
  EventStore,
  handleCommand,
  on,
  PostgresOutbox,
  QueueRelay,
  type InboxRow,
} from '@shop/eventing';
import { DomainError } from '@shop/kernel';
import { orderProcess, orderUpcasters, type OrderCommand } from '@shop/orders';
import { log, serve, takePart } from '../lab/part.ts';
import type { Line } from './books.ts';
import { withoutCompensation } from './no-compensation.ts';
import { TryCatch } from './try-catch.ts';

/** An order that a client wants, or wants no more. */
export interface Wish {
  readonly orderId: string;
  readonly line: Line;
  readonly paymentToken: string;
}
export type Question = { readonly place: Wish } | { readonly cancel: string };

/**
 * The process that is killed: the orders service, right after it knows that stock is reserved, or that money is held.
 */
const part = takePart();
const passed = (what: string, orderId: string) => part.failPoint(`${what}-${orderId}`);
if (part.variant === 'try and catch') programmed();
else await orchestrated(part.variant === 'saga' ? orderProcess : withoutCompensation);

/** As apps/orders does it: each outcome is noted in the order's stream, together with what it calls for. */
async function orchestrated(process: typeof orderProcess): Promise<void> {
  const { database, databaseUrl } = part;
  const bus = part.bus();
  const relay = new QueueRelay({ connectionString: databaseUrl, bus, log });
  const outbox = new PostgresOutbox(() => relay.wake());
  const store = new EventStore(database, outbox, orderUpcasters);
  const tell = (orderId: string, command: OrderCommand, inbox?: InboxRow) =>
    handleCommand(store, process, orderId, command, { at: new Date().toISOString(), inbox });

  class Saga extends Consumer {
    readonly name = 'orders.saga';
    readonly handlers = [
      on(stockReserved, ({ data }, { inbox }) => tell(data.orderId, { type: 'NoteStockReserved' }, inbox)),
      on(stockRefused, ({ data }, { inbox }) =>
        tell(
          data.orderId,
          { type: 'NoteStockRefused', productIds: data.shortages.map(({ productId }) => productId) },
          inbox,
        ),
      ),
      on(paymentAuthorised, ({ data }, { inbox }) =>
        tell(data.orderId, { type: 'NotePaymentAuthorised', paymentId: data.paymentId }, inbox),
      ),
      on(paymentDeclined, ({ data }, { inbox }) =>
        tell(data.orderId, { type: 'NotePaymentDeclined', reason: data.reason }, inbox),
      ),
    ];
  }
  const runtime = new ConsumerRuntime({ consumer: new Saga(), bus, database, outbox, log, afterEffect: noteKnown });
  await runtime.start();
  relay.start();

  const change = async (orderId: string, command: OrderCommand): Promise<{ done: true }> => {
    await tell(orderId, command).catch(unlessSaidBefore);
    return { done: true };
  };
  serve<Question>(
    (question) =>
      'place' in question
        ? change(question.place.orderId, placing(question.place))
        : change(question.cancel, { type: 'CancelOrder' }),
    async () => {
      await runtime.stop();
      await relay.stop();
      await bus.close();
    },
  );
}

function programmed(): void {
  const orders = new TryCatch(part.database, passed);
  serve<Question>(
    async (question) => {
      await ('place' in question ? orders.place(question.place) : orders.cancel(question.cancel));
      return { done: true };
    },
    () => Promise.resolve(),
  );
}

function noteKnown({ type, subject }: CloudEvent): void {
  if (type === stockReserved.type) passed('reserved', subject);
  if (type === paymentAuthorised.type) passed('authorised', subject);
}

/** It was placed already, before an answer was lost; or it is too late to cancel. */
function unlessSaidBefore(error: unknown): void {
  if (!(error instanceof DomainError && ['order-exists', 'order-not-cancellable'].includes(error.code))) throw error;
}

function placing({ orderId, line, paymentToken }: Wish): OrderCommand {
  const products = new Map([[line.productId, { id: line.productId, name: 'Mug', price: 1250, currency: 'EUR' }]]);
  return { type: 'PlaceOrder', orderId, customerId: orderId, lines: [line], products, pricing: 'list', paymentToken };
}
