import {
  authorisePayment,
  capturePayment,
  commitStock,
  paymentAuthorised,
  paymentDeclined,
  releaseStock,
  reserveStock,
  stockRefused,
  stockReserved,
  voidPayment,
  type MessageOf,
} from '@shop/contracts';
import { Consumer, ConsumerRuntime, event, on, PostgresOutbox, QueueRelay, type Effect } from '@shop/eventing';
import { log, serve, takePart } from '../lab/part.ts';
import { books } from './books.ts';

/** The other two parties of the saga, in a process that nobody kills: they do what they are asked for, and answer. */
const { database, databaseUrl, ...part } = takePart();
const bus = part.bus();

class Stock extends Consumer {
  readonly name = 'catalog.stock';
  readonly handlers = [
    on(reserveStock, (message, effect) => this.reserve(message, effect)),
    on(releaseStock, ({ data }, effect) => effect.transaction((tx) => books.release(tx, data.orderId))),
    on(commitStock, ({ data }, effect) => effect.transaction((tx) => books.commit(tx, data.orderId))),
  ];

  private reserve({ data: { orderId, lines } }: MessageOf<typeof reserveStock>, effect: Effect): Promise<void> {
    return effect.transaction(async (tx) => {
      const [line] = lines;
      const outcome = line && (await books.reserve(tx, orderId, line));
      const about = { key: orderId, sequence: 1 };
      const shortages = lines.map(({ productId, quantity: requested }) => ({ productId, requested, available: 0 }));
      if (outcome === 'reserved') await effect.publish(tx, [event(stockReserved, { ...about, data: { orderId } })]);
      if (outcome === 'refused')
        await effect.publish(tx, [event(stockRefused, { ...about, data: { orderId, shortages } })]);
    });
  }
}

class Money extends Consumer {
  readonly name = 'payments.commands';
  readonly handlers = [
    on(authorisePayment, (message, effect) => this.authorise(message, effect)),
    on(voidPayment, ({ data }, effect) => effect.transaction((tx) => books.letGo(tx, data.orderId))),
    on(capturePayment, ({ data }, effect) => effect.transaction((tx) => books.take(tx, data.orderId))),
  ];

  private authorise(
    { data: { orderId, amount, currency, paymentToken } }: MessageOf<typeof authorisePayment>,
    effect: Effect,
  ): Promise<void> {
    return effect.transaction(async (tx) => {
      const outcome = await books.authorise(tx, orderId, paymentToken);
      const about = { key: orderId, sequence: 1 };
      if (outcome === 'held')
        await effect.publish(tx, [
          event(paymentAuthorised, { ...about, data: { orderId, paymentId: `auth_${orderId}`, amount, currency } }),
        ]);
      if (outcome === 'declined')
        await effect.publish(tx, [event(paymentDeclined, { ...about, data: { orderId, reason: 'card-declined' } })]);
    });
  }
}

const relay = new QueueRelay({ connectionString: databaseUrl, bus, log });
const outbox = new PostgresOutbox(() => relay.wake());
const runtimes = [new Stock(), new Money()].map(
  (consumer) => new ConsumerRuntime({ consumer, bus, database, outbox, log }),
);
await Promise.all(runtimes.map((runtime) => runtime.start()));
relay.start();
serve(
  () => Promise.resolve(),
  async () => {
    await Promise.all(runtimes.map((runtime) => runtime.stop()));
    await relay.stop();
    await bus.close();
  },
);
