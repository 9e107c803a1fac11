import { Injectable } from '@nestjs/common';
import { AwaitedAnswers, EventStore, Outbox } from '@shop/eventing';
import { fold } from '@shop/kernel';
import { Database, Logger } from '@shop/platform';
import { order, type OrderEvent } from './domain/order.ts';
import { lastStep } from './domain/saga.ts';
import { askAgain } from './order-process.ts';
import { SagaMetrics } from './saga-metrics.ts';

/**
 * Compares what others tell again, because it rests with them, with the order's own book (docs/adr/0045): where the
 * order has ended and waits for nothing, a last step was lost. It is asked for again, and counted: something lost it
 * that should not have.
 */
@Injectable()
export class Books {
  constructor(
    private readonly store: EventStore,
    private readonly answers: AwaitedAnswers,
    private readonly outbox: Outbox,
    private readonly database: Database,
    private readonly metrics: SagaMetrics,
    private readonly log: Logger,
  ) {}

  async compare(orderId: string, book: 'reservations' | 'payments'): Promise<void> {
    const events = await this.store.load<OrderEvent>(orderId);
    const state = fold(
      order,
      events.map(({ event }) => event),
    );
    const step = lastStep(state, book);
    if (!step) return;
    const slipped = await this.database.transaction(async (tx) => {
      if (!(await this.answers.askedAnew(tx, { stream: orderId, version: events.length, step }))) return false;
      await this.outbox.add(tx, askAgain([step], state));
      return true;
    });
    if (!slipped) return;
    this.outbox.wake();
    this.metrics.bookDiffers(book);
    this.log.error(
      { order: orderId, status: state.status, book, step },
      'the order has ended, and another book has not heard of it: asked for again',
    );
  }
}
