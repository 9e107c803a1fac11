import { ConsumerRuntime, PostgresOutbox } from '@shop/eventing';
import { log, serve, takePart } from '../lab/part.ts';
import { WithInbox, WithoutInbox } from './consumers.ts';

/** The process that is killed: one consumer, in the product's own runtime. */
const { variant, database, failPoint, ...part } = takePart();
const bus = part.bus();
const runtime = new ConsumerRuntime({
  consumer: variant === 'inbox' ? new WithInbox() : new WithoutInbox(database),
  bus,
  database,
  outbox: new PostgresOutbox(),
  log,
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
