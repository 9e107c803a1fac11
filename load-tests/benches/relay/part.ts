import { stockReserved } from '@shop/contracts';
import {
  Consumer,
  ConsumerRuntime,
  on,
  openKafka,
  PostgresOutbox,
  QueueRelay,
  type Effect,
  type KafkaClient,
} from '@shop/eventing';
import { Database } from '@shop/platform';
import { Meter, serve } from '../../lab/serve.ts';
import { log } from '../../lab/topic.ts';

/** One relay, or one consumer, of the product's own, in a process of its own: what it costs can be told. */
const { PART, DATABASE_URL: connectionString = '', KAFKA_BROKERS: brokers = '', CLIENT = 'platformatic' } = process.env;
const bus = await openKafka(CLIENT as KafkaClient, {
  brokers: brokers.split(','),
  clientId: `bench-${process.pid}`,
  log,
});
const meter = new Meter();

/** Its effect is a row that says what was seen, in the order in which it was seen. */
class Notes extends Consumer {
  readonly name = 'orders.saga';
  readonly handlers = [
    on(stockReserved, (message, effect) => this.note(message.subject, Number(message.sequence), effect)),
  ];

  private note(key: string, sequence: number, effect: Effect): Promise<unknown> {
    return effect.transaction((tx) =>
      tx.query('INSERT INTO effects (key, sequence) VALUES ($1, $2)', [key, sequence], 'note'),
    );
  }
}

async function startRelay(): Promise<() => Promise<void>> {
  const relay = new QueueRelay({ connectionString, bus, log });
  relay.start();
  return () => relay.stop();
}

async function startConsumer(): Promise<() => Promise<void>> {
  const database = new Database(connectionString, { size: 16, application: 'bench' });
  const runtime = new ConsumerRuntime({ consumer: new Notes(), bus, database, outbox: new PostgresOutbox(), log });
  await runtime.start();
  return async () => {
    await runtime.stop();
    await database.close();
  };
}

const stop = await (PART === 'relay' ? startRelay() : startConsumer());
// Asked when the load begins, and when it is through: what it has cost for so many messages.
serve(
  async (messages: number) => (messages === 0 ? meter.start() : meter.read(messages)),
  async () => {
    await stop();
    await bus.close();
  },
);
