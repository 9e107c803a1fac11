import { cloudEvent, consumers, deadLetterTopic, orderConfirmed } from '@shop/contracts';
import { ConsumerRuntime, PostgresOutbox } from '@shop/eventing';
import { log, serve, takePart } from '../lab/part.ts';
import { NestConsumer } from './nest-consumer.ts';
import { credit, note, Points, type Confirmed } from './points.ts';

/** A consumer, in one runtime or another; what it does with a message is the same. */
const part = takePart();
const { variant, database } = part;
const bus = part.bus();
const consumer = new Points(database);
const [topic] = consumers[consumer.name];

/** A message that breaks the contract is none of this experiment's: it would end as an accident. */
async function handle(value: unknown): Promise<void> {
  const message = cloudEvent.extend({ data: orderConfirmed.data }).parse(value) as Confirmed;
  await note(database, message);
  await database.transaction((tx) => credit(tx, message));
}

const nest = { brokers: part.brokers, group: part.named(consumer.name), topic: part.named(topic), handle };
const runtimes: Record<string, () => Pick<ConsumerRuntime, 'start' | 'stop'>> = {
  Nest: () => new NestConsumer(nest),
  'Nest, dead letters': () => new NestConsumer({ ...nest, deadLetters: part.named(deadLetterTopic(consumer.name)) }),
  'dead letters, parked keys': () =>
    new ConsumerRuntime({ consumer, bus, database, outbox: new PostgresOutbox(), log }),
};
const runtime = runtimes[variant]?.();
await runtime?.start();
serve(
  () => Promise.resolve(),
  async () => {
    await runtime?.stop();
    await bus.close();
  },
);
