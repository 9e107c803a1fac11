import { Injectable } from '@nestjs/common';
import { paymentAuthorised, paymentCaptured, paymentDeclined, paymentVoided, stockCommitted, stockRefused, stockReleased, stockReserved } from '@shop/contracts';
import { AwaitedAnswers, Consumer, on } from '@shop/eventing';
import { Orders } from './orders.ts';

/** Outcomes of the saga's steps become events of the order they belong to; of the last steps it is noted that they are done. */
@Injectable()
export class SagaConsumer extends Consumer {
  readonly name = 'orders.saga';
  readonly handlers = [
    on(stockReserved, ({ data }, { inbox }) => this.orders.note(data.orderId, { type: 'NoteStockReserved' }, inbox)),
    on(stockRefused, ({ data }, { inbox }) =>
      this.orders.note(data.orderId, { type: 'NoteStockRefused', productIds: data.shortages.map((shortage) => shortage.productId) }, inbox),
    ),
    on(paymentAuthorised, ({ data }, { inbox }) =>
      this.orders.note(data.orderId, { type: 'NotePaymentAuthorised', paymentId: data.paymentId }, inbox),
    ),
    on(paymentDeclined, ({ data }, { inbox }) => this.orders.note(data.orderId, { type: 'NotePaymentDeclined', reason: data.reason }, inbox)),
    on(stockCommitted, ({ data }) => this.answers.answered(data.orderId, 'commit-stock')),
    on(stockReleased, ({ data }) => this.answers.answered(data.orderId, 'release-stock')),
    on(paymentCaptured, ({ data }) => this.answers.answered(data.orderId, 'capture-payment')),
    on(paymentVoided, ({ data }) => this.answers.answered(data.orderId, 'void-payment')),
  ];

  constructor(
    private readonly orders: Orders,
    private readonly answers: AwaitedAnswers,
  ) {
    super();
  }
}
