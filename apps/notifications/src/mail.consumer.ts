import { Injectable } from '@nestjs/common';
import { notificationsCheckpoint, orderCancelled, orderConfirmed, type CloudEvent } from '@shop/contracts';
import { Consumer, on, type Effect } from '@shop/eventing';
import { Sender } from './delivery/sender.ts';
import type { Message } from './domain/message.ts';
import { Messages } from './messages.ts';

/** Turns what happened to an order into a message to the customer. */
@Injectable()
export class MailConsumer extends Consumer {
  readonly name = 'notifications.mail';
  override readonly checkpoint = notificationsCheckpoint;
  override readonly sharesTransactions = true;
  readonly handlers = [
    on(orderConfirmed, (event, effect) => {
      const { orderId, customerId, ...payload } = event.data;
      return this.queue(event, customerId, { channel: 'mail', kind: 'order-confirmed', orderId, payload }, effect);
    }),
    on(orderCancelled, (event, effect) => {
      const { orderId, customerId, ...payload } = event.data;
      return this.queue(event, customerId, { channel: 'mail', kind: 'order-cancelled', orderId, payload }, effect);
    }),
  ];

  constructor(
    private readonly messages: Messages,
    private readonly sender: Sender,
  ) {
    super();
  }

  private async queue(
    event: Pick<CloudEvent, 'id'>,
    accountId: string,
    document: Message,
    effect: Effect,
  ): Promise<void> {
    await effect.transaction((tx) => this.messages.add(tx, { eventId: event.id, accountId, document }));
    this.sender.wake();
  }
}
