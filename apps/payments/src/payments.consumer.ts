import { Injectable } from '@nestjs/common';
import { authorisePayment, capturePayment, voidPayment } from '@shop/contracts';
import { Consumer, on } from '@shop/eventing';
import { Payments } from './payments.ts';

/** What orders asks for about the money of an order. */
@Injectable()
export class PaymentsConsumer extends Consumer {
  readonly name = 'payments.commands';
  override readonly sharesTransactions = true;
  readonly handlers = [
    on(authorisePayment, ({ data: { orderId, ...request } }, effect) =>
      this.payments.handle(orderId, { type: 'AuthorisePayment', ...request }, effect),
    ),
    on(capturePayment, ({ data: { orderId } }, effect) =>
      this.payments.handle(orderId, { type: 'CapturePayment' }, effect),
    ),
    on(voidPayment, ({ data: { orderId } }, effect) => this.payments.handle(orderId, { type: 'VoidPayment' }, effect)),
  ];

  constructor(private readonly payments: Payments) {
    super();
  }
}
