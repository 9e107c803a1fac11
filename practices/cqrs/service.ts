import { randomUUID } from 'node:crypto';
import { ConsumerRuntime, EventStore, PostgresOutbox, QueueRelay } from '@shop/eventing';
import { OrderList, OrderListConsumer, OrderReads, Orders, orderUpcasters, Prices } from '@shop/orders';
import { NothingOn } from '@shop/platform';
import { log, serve, takePart } from '../lab/part.ts';
import { FoldedList } from './folded-list.ts';

/** One customer's wish for one order. */
export interface Wish {
  readonly customer: string;
  readonly product: string;
}

/** The order's version when its customer was told, and the version that the list then shows; 0: not in it. */
export interface Told {
  readonly version: number;
  readonly listed: number;
}

/**
 * Takes orders and leads them to their confirmation, tells others of them, and keeps the read model where there is one.
 */
const part = takePart();
const { database, databaseUrl, variant } = part;
const bus = part.bus();
const relay = new QueueRelay({ connectionString: databaseUrl, bus, log });
const outbox = new PostgresOutbox(() => relay.wake());
const orders = new Orders(
  new EventStore(database, outbox, orderUpcasters),
  new Prices(database),
  new OrderReads(database),
  new NothingOn(),
);
const hasReadModel = variant === 'read model';
const list = new (hasReadModel ? OrderList : FoldedList)(database);
const projection = hasReadModel
  ? new ConsumerRuntime({ consumer: new OrderListConsumer(), bus, database, outbox, log })
  : undefined;
await projection?.start();
relay.start();

serve<Wish>(
  async ({ customer, product }): Promise<Told> => {
    const { view } = await orders.place(customer, randomUUID(), {
      lines: [{ productId: product, quantity: 1 }],
      paymentToken: 'tok_visa',
    });
    const outcome = () => ({ consumer: 'orders.saga', messageId: randomUUID() }) as const;
    await orders.note(view.id, { type: 'NoteStockReserved' }, outcome());
    await orders.note(view.id, { type: 'NotePaymentAuthorised', paymentId: `payment of ${view.id}` }, outcome());
    const { version } = await orders.get(customer, view.id);
    const { items } = await list.page(customer, { limit: 20, sort: '-placedAt' });
    return { version, listed: items.find(({ id }) => id === view.id)?.version ?? 0 };
  },
  async () => {
    await projection?.stop();
    await relay.stop();
    await Promise.all([bus.close(), database.close()]);
  },
);
