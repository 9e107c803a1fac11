import { randomUUID } from 'node:crypto';
import { Consumer, MessagesStreamModes, stringDeserializers } from '@platformatic/kafka';
import { topics } from '@shop/contracts';
import { openBus } from '@shop/eventing';
import { connect } from 'amqplib';
import { onlooker, settingsOf, type BusEnvironment } from './bus.ts';
import { givenSecurity } from './kafka-security.ts';

type Heard = (message: { topic: string; value: string }) => void;
type Stop = () => Promise<void>;

/**
 * Hears what is said on the product's topics from now on, and takes nothing away from those it is said to. Resolves
 * when it hears.
 */
export function observe(bus: BusEnvironment, heard: Heard): Promise<Stop> {
  switch (bus.BUS) {
    case 'kafka':
      return observeKafka(bus.KAFKA_BROKERS, heard);
    case 'rabbitmq':
      return observeRabbitmq(bus.RABBITMQ_URL, heard);
    case 'sqs':
      return observeSqs(bus, heard);
    case 'memory':
      return Promise.resolve(async () => {});
  }
}

/** Every topic from its end, with a group of its own. */
async function observeKafka(brokers: string, heard: Heard): Promise<Stop> {
  const consumer = new Consumer({
    ...givenSecurity(),
    clientId: 'story',
    groupId: `story-${randomUUID()}`,
    bootstrapBrokers: brokers.split(','),
    deserializers: stringDeserializers,
    autocommit: false,
    maxWaitTime: 100,
  });
  const stop = () => consumer.close(true).catch(() => {});
  try {
    const stream = await consumer.consume({ topics: Object.keys(topics), mode: MessagesStreamModes.LATEST });
    stream.on('data', ({ topic, value }) => heard({ topic, value }));
    stream.on('error', () => {});
    return stop;
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A queue that is gone when we are. */
async function observeRabbitmq(url: string, heard: Heard): Promise<Stop> {
  const connection = await connect(url, { timeout: 5_000 });
  connection.on('error', () => {});
  const channel = await connection.createChannel();
  channel.on('error', () => {});
  const { queue } = await channel.assertQueue('', { exclusive: true });
  for (const topic of Object.keys(topics)) await channel.bindQueue(queue, topic, '#');
  await channel.consume(
    queue,
    (message) => message && heard({ topic: message.fields.exchange, value: message.content.toString() }),
    { noAck: true },
  );
  return () => connection.close().catch(() => {});
}

/**
 * SQS sends nobody a copy who has no queue, so the launcher keeps one for onlookers; what came while nobody looked on
 * comes first.
 */
async function observeSqs(settings: BusEnvironment, heard: Heard): Promise<Stop> {
  const quiet = () => {};
  const bus = await openBus(settingsOf(settings), {
    clientId: onlooker,
    log: { info: quiet, warn: quiet, error: quiet },
  });
  const handle = async ({ topic, value = '' }: { topic: string; value: string | undefined }) => heard({ topic, value });
  await bus.subscribe({ group: onlooker, topics: Object.keys(topics), maxInFlight: 60, handle });
  return () => bus.close();
}
