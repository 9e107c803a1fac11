import { randomUUID } from 'node:crypto';
import { EventStore, PostgresOutbox, type RecordedEvent } from '@shop/eventing';
import { DomainError } from '@shop/kernel';
import { OrderReads, Orders, orderUpcasters, Prices } from '@shop/orders';
import { NothingOn } from '@shop/platform';
import { serve, takePart } from '../lab/part.ts';

/** What somebody asks of orders. */
export interface Ask {
  readonly who: string;
  readonly servesCustomers: boolean;
  readonly what: 'place' | 'read' | 'history' | 'cancel';
  /** The product of a new order; else the order. */
  readonly id: string;
}

/** As HTTP would say it, and whose order it is that was shown or changed. */
export interface Said {
  readonly status: number;
  readonly id?: string;
}

/** One line is missing: whose an order is, is not asked. Everything else is the product's own. */
class Unasked extends EventStore {
  override loadFor<E extends { type: string }>(stream: string): Promise<RecordedEvent<E>[]> {
    return this.load<E>(stream);
  }
}

const { database, variant } = takePart();
const store = new (variant === 'asked' ? EventStore : Unasked)(database, new PostgresOutbox(), orderUpcasters);
const orders = new Orders(store, new Prices(database), new OrderReads(database), new NothingOn());

serve<Ask>(
  async ({ who, servesCustomers, what, id }): Promise<Said> => {
    const reader = { subject: who, servesCustomers };
    try {
      if (what === 'place')
        return {
          status: 201,
          id: (
            await orders.place(who, randomUUID(), { lines: [{ productId: id, quantity: 1 }], paymentToken: 'tok_visa' })
          ).view.id,
        };
      if (what === 'read') return { status: 200, id: (await orders.get(reader, id)).id };
      if (what === 'history') return { status: 200, id: (await orders.history(reader, id)).id };
      return { status: 200, id: (await orders.cancel(who, id)).id };
    } catch (error) {
      if (error instanceof DomainError && error.kind === 'not-found') return { status: 404 };
      throw error;
    }
  },
  () => database.close(),
);
