import { authorisePayment, paymentAuthorised } from '@shop/contracts';
import { Consumer, event, on } from '@shop/eventing';
import { Database, withTraceparent } from '@shop/platform';
import { stop } from './stop.ts';

/** A client's request, in the client's trace. */
export interface Request {
  readonly orderId: string;
  readonly traceparent: string;
}

class Outcomes extends Consumer {
  readonly name = 'orders.saga';
  readonly handlers = [
    on(paymentAuthorised, ({ data }, effect) =>
      effect.transaction((tx) => tx.query('INSERT INTO paid (order_id) VALUES ($1)', [data.orderId], 'paid')),
    ),
  ];
}

/** Where the way of an order begins, and where it ends. */
const database = new Database(process.env['DATABASE_URL'] ?? '', { size: 8, application: 'orders' });
await stop<Request>(
  () => new Outcomes(),
  ({ orderId, traceparent }, outbox) =>
    withTraceparent(traceparent, 'request', async () => {
      const data = { orderId, amount: 1_250, currency: 'EUR', paymentToken: 'tok_good' };
      await database.transaction((tx) => outbox.add(tx, [event(authorisePayment, { key: orderId, data })]));
      outbox.wake();
    }),
);
