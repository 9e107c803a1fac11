import { Injectable } from '@nestjs/common';
import { paymentAuthorised } from '@shop/contracts';
import { event, Outbox, Resting, type Outgoing } from '@shop/eventing';
import { Database, Logger, meter, Recurring, type Transaction } from '@shop/platform';

/**
 * Money that stays held long after its order was placed is told to orders again, which compares it with its own book
 * (docs/adr/0045).
 */
@Injectable()
export class RestingPayments extends Recurring {
  readonly #told = meter().createCounter('shop.books.resting', {
    unit: '{order}',
    description: 'Orders told again because something of theirs rests',
  });
  readonly #resting: Resting;

  constructor(
    database: Database,
    outbox: Outbox,
    private readonly log: Logger,
  ) {
    super({ what: 'resting payments', everyMs: 60_000, log });
    this.#resting = new Resting({ database, outbox, book: { table: 'payments', status: 'authorised' }, tell: held });
  }

  protected override async look(): Promise<void> {
    const told = await this.#resting.look();
    if (told.length === 0) return;
    this.#told.add(told.length, { book: 'payments' });
    this.log.warn(
      { orders: told.length, some: told.slice(0, 5) },
      'money is held for orders that should have ended: told again',
    );
  }
}

/** An outcome that is open is looked at by itself. */
async function held(tx: Transaction, orders: readonly string[]): Promise<Outgoing[]> {
  const rows = await tx.query<{ orderId: string; paymentId: string; amount: string; currency: string }>(
    `SELECT order_id AS "orderId", payment_id AS "paymentId", amount, currency FROM payments
     WHERE order_id = ANY ($1) AND status = 'authorised' AND NOT EXISTS (SELECT 1 FROM open_outcomes o WHERE o.order_id = payments.order_id)`,
    [orders],
  );
  return rows.map(({ orderId, amount, ...payment }) =>
    event(paymentAuthorised, { key: orderId, data: { orderId, ...payment, amount: Number(amount) } }),
  );
}
