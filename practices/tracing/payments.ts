import { authorisePayment, paymentAuthorised } from '@shop/contracts';
import { Consumer, event, on } from '@shop/eventing';
import { stop } from './stop.ts';

/** The stop in the middle: what it is told, and what it says to that. */
class Commands extends Consumer {
  readonly name = 'payments.commands';
  readonly handlers = [
    on(authorisePayment, ({ data: { orderId, amount, currency } }, effect) =>
      effect.transaction((tx) => {
        const data = { orderId, paymentId: `auth_${orderId}`, amount, currency };
        return effect.publish(tx, [event(paymentAuthorised, { key: orderId, sequence: 1, data })]);
      }),
    ),
  ];
}

await stop(
  () => new Commands(),
  () => Promise.resolve(),
);
