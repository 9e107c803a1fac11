import { productChanged } from '@shop/contracts';
import { Consumer, ConsumerRuntime, on, PostgresOutbox } from '@shop/eventing';
import { log, serve, takePart } from '../lab/part.ts';
import { CompetingBus } from './competing-bus.ts';

/**
 * One of several instances of a consumer that keeps a copy of prices. It has a few messages in hand at a time, and
 * mostly waits for Postgres.
 */
const { variant, databaseUrl, database, failPoint, ...part } = takePart();
const IN_HAND = 4;

class Prices extends Consumer {
  readonly name = 'orders.prices';
  readonly handlers = [
    on(productChanged, ({ subject, sequence, data }, effect) =>
      effect.transaction(async (tx) => {
        await tx.query(
          'INSERT INTO prices (key, price) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET price = $2',
          [subject, data.price],
          'price',
        );
        await tx.query(
          'INSERT INTO effects (key, sequence, instance) VALUES ($1, $2, $3)',
          [subject, sequence, process.pid],
          'effect',
        );
      }),
    ),
  ];
}

const bus = variant === 'lanes' ? part.bus() : new CompetingBus(databaseUrl);
const runtime = new ConsumerRuntime({
  consumer: new Prices(),
  bus,
  database,
  outbox: new PostgresOutbox(),
  log,
  maxInFlight: IN_HAND,
  afterEffect: ({ id }) => failPoint(`handled-${id}`),
});
await runtime.start();
serve(
  () => Promise.resolve(),
  async () => {
    await runtime.stop();
    await bus.close();
  },
);
