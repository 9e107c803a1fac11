import { Injectable } from '@nestjs/common';
import { stockReserved } from '@shop/contracts';
import { event, Outbox, Resting } from '@shop/eventing';
import { Database, Logger, meter, Recurring } from '@shop/platform';

/**
 * Stock that stays set aside long after its order was placed is told to orders again, which compares it with its own
 * book (docs/adr/0045).
 */
@Injectable()
export class RestingStock extends Recurring {
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
    super({ what: 'resting stock', everyMs: 60_000, log });
    const tell = async (_: unknown, orders: readonly string[]) =>
      orders.map((orderId) => event(stockReserved, { key: orderId, data: { orderId } }));
    this.#resting = new Resting({ database, outbox, book: { table: 'reservations', status: 'reserved' }, tell });
  }

  protected override async look(): Promise<void> {
    const told = await this.#resting.look();
    if (told.length === 0) return;
    this.#told.add(told.length, { book: 'reservations' });
    this.log.warn(
      { orders: told.length, some: told.slice(0, 5) },
      'stock is set aside for orders that should have ended: told again',
    );
  }
}
