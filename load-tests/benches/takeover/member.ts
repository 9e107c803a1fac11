import { openKafka, type KafkaClient } from '@shop/eventing';
import { serve, tell } from '../../lab/serve.ts';
import { log } from '../../lab/topic.ts';

/** A group member that says of each message which partition it came by, and when. */
const { CLIENT = '', KAFKA_BROKERS: brokers = '', GROUP: group = '', TOPIC: topic = '' } = process.env;
const bus = await openKafka(CLIENT as KafkaClient, {
  brokers: brokers.split(','),
  clientId: `bench-${process.pid}`,
  log,
});
await bus.subscribe({
  group,
  topics: [topic],
  maxInFlight: 64,
  handle: async ({ id, value }) => tell({ partition: Number(id.split(':')[1]), sent: Number(value) }),
});

serve(
  () => Promise.resolve(),
  () => bus.close(),
);
