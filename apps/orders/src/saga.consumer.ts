import { Injectable } from '@nestjs/common';
import { paymentAuthorised, paymentDeclined, stockRefused, stockReserved } from '@shop/contracts';
import { Consumer, on } from '@shop/eventing';
import { Orders } from './orders.ts';

/** Outcomes of the saga's steps become events of the order they belong to. */
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
  ];

  constructor(private readonly orders: Orders) {
    super();
  }
}
