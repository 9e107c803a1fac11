import { Injectable } from '@nestjs/common';
import {
  paymentAuthorised,
  paymentCaptured,
  paymentDeclined,
  paymentVoided,
  stockCommitted,
  stockRefused,
  stockReleased,
  stockReserved,
} from '@shop/contracts';
import { AwaitedAnswers, Consumer, on } from '@shop/eventing';
import { Books } from './books.ts';
import { Orders } from './orders.ts';

/**
 * Outcomes of the saga's steps become events of the order they belong to; of the last steps it is noted that they are
 * done. An outcome without a sequence is told again: whoever tells it was asked again, or has waited too long for the
 * next step.
 */
@Injectable()
export class SagaConsumer extends Consumer {
  readonly name = 'orders.saga';
  readonly handlers = [
    on(stockReserved, async ({ data, sequence }, { inbox }) => {
      await this.orders.note(data.orderId, { type: 'NoteStockReserved' }, inbox);
      if (sequence === undefined) await this.books.compare(data.orderId, 'reservations');
    }),
    on(stockRefused, ({ data }, { inbox }) =>
      this.orders.note(
        data.orderId,
        { type: 'NoteStockRefused', productIds: data.shortages.map((shortage) => shortage.productId) },
        inbox,
      ),
    ),
    on(paymentAuthorised, async ({ data, sequence }, { inbox }) => {
      await this.orders.note(data.orderId, { type: 'NotePaymentAuthorised', paymentId: data.paymentId }, inbox);
      if (sequence === undefined) await this.books.compare(data.orderId, 'payments');
    }),
    on(paymentDeclined, ({ data }, { inbox }) =>
      this.orders.note(data.orderId, { type: 'NotePaymentDeclined', reason: data.reason }, inbox),
    ),
    on(stockCommitted, ({ data }) => this.answers.answered(data.orderId, 'commit-stock')),
    on(stockReleased, ({ data }) => this.answers.answered(data.orderId, 'release-stock')),
    on(paymentCaptured, ({ data }) => this.answers.answered(data.orderId, 'capture-payment')),
    on(paymentVoided, ({ data }) => this.answers.answered(data.orderId, 'void-payment')),
  ];

  constructor(
    private readonly orders: Orders,
    private readonly answers: AwaitedAnswers,
    private readonly books: Books,
  ) {
    super();
  }
}
