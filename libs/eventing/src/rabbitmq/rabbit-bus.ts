import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChannelModel, ConfirmChannel } from 'amqplib';
import { atMost } from '../at-most.ts';
import { MessageBus, Unpublishable, type BusMessage, type End, type SubscribeOptions, type Subscription } from '../bus.ts';
import { connect, type RabbitBusOptions } from './connection.ts';
import { RabbitSubscription } from './rabbit-subscription.ts';
import { LANES, laneOf, queueOf } from './topology.ts';

const PUBLISH_DEADLINE_MS = 30_000;
const CLOSE_DEADLINE_MS = 3_000;
/** AMQP's answer to a message beyond the broker's max_message_size. */
const PRECONDITION_FAILED = 406;

interface Publisher {
  readonly connection: ChannelModel;
  readonly channel: ConfirmChannel;
  /** Why the broker closed the channel. */
  failure?: Error & { code?: number };
  /** Ids of messages that no queue was bound for. */
  readonly returned: Set<string>;
}

/** RabbitMQ: a topic is an exchange, a group a set of replicated queues with one active consumer each. See topology.ts. */
export class RabbitBus extends MessageBus {
  readonly #options: RabbitBusOptions;
  readonly #subscriptions = new Set<RabbitSubscription>();
  #publisher: Promise<Publisher> | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(options: RabbitBusOptions) {
    super();
    this.#options = options;
  }

  /** One batch at a time: what the broker refuses closes the channel, and so is of this batch and no other. */
  override publish(messages: readonly BusMessage[]): Promise<void> {
    const mine = this.#last.then(() => this.#publish(messages));
    this.#last = mine.catch(() => {});
    return mine;
  }

  override async subscribe(options: SubscribeOptions): Promise<Subscription> {
    const subscription = new RabbitSubscription(this.#options, options);
    this.#subscriptions.add(subscription);
    subscription.open();
    return subscription;
  }

  /** Its queues have no positions: the end is reached when they are empty, but for what is in hand. */
  override async end(group: string): Promise<End> {
    const waiting = async () => {
      const connection = await connect(this.#options);
      try {
        const channel = await connection.createChannel();
        const queues = await Promise.all(Array.from({ length: LANES }, (_, lane) => channel.checkQueue(queueOf(group, lane))));
        return queues.reduce((sum, { messageCount }) => sum + messageCount, 0);
      } finally {
        await connection.close().catch(() => {});
      }
    };
    await waiting();
    return { isReached: async () => (await waiting()) === 0 };
  }

  override async close(): Promise<void> {
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.close()));
    await atMost(CLOSE_DEADLINE_MS, this.#drop());
  }

  async #publish(messages: readonly BusMessage[]): Promise<void> {
    if (messages.length === 0) return;
    const publisher = await (this.#publisher ??= this.#connect()).catch((error: Error) => {
      this.#publisher = undefined;
      throw error;
    });
    try {
      await inTime(messages, (message) => confirmed(publisher, message));
    } catch (error) {
      void this.#drop();
      const { failure } = publisher;
      if (failure?.code === PRECONDITION_FAILED) throw new Unpublishable(failure.message, { cause: failure });
      throw failure ?? error;
    }
    if (publisher.returned.size === 0) return;
    publisher.returned.clear();
    throw new Error('a message was for a topic that no group has a queue on: make those first, or it would be lost');
  }

  async #connect(): Promise<Publisher> {
    const connection = await connect(this.#options);
    const channel = await connection.createConfirmChannel();
    const publisher: Publisher = { connection, channel, returned: new Set() };
    channel.on('error', (error: Error) => (publisher.failure = error));
    channel.on('return', ({ properties }) => publisher.returned.add(String(properties.messageId)));
    // Whatever waits is told by its own confirmation; the next batch connects anew.
    connection.on('close', () => void this.#drop(publisher));
    return publisher;
  }

  async #drop(only?: Publisher): Promise<void> {
    const publisher = await this.#publisher?.catch(() => undefined);
    if (!publisher || (only && only !== publisher)) return;
    this.#publisher = undefined;
    await publisher.connection.close().catch(() => {});
  }
}

/** Sends one message; resolves when the broker has it on disk, in as many copies as make a majority. */
function confirmed({ channel }: Publisher, { topic, key, value, headers }: BusMessage): Promise<void> {
  return new Promise((resolve, reject) => {
    const properties = {
      // Without a queue to put it in, the broker is to say so instead of dropping it.
      mandatory: true,
      persistent: true,
      messageId: randomUUID(),
      contentType: 'application/cloudevents+json',
      ...(key === undefined ? {} : { correlationId: key }),
      headers: { ...headers },
    };
    channel.publish(topic, String(laneOf(key)), Buffer.from(value), properties, (error) => (error ? reject(error as Error) : resolve()));
  });
}

/** A lane that confirms nothing has no leader: the error says which, since the broker does not. */
async function inTime(messages: readonly BusMessage[], confirm: (message: BusMessage) => Promise<void>): Promise<void> {
  const open = new Set(messages);
  const work = Promise.all(messages.map((message) => confirm(message).then(() => open.delete(message))));
  const late = sleep(PUBLISH_DEADLINE_MS, 'late', { ref: false });
  if ((await Promise.race([work, late])) !== 'late') return;
  const lanes = new Set([...open].map(({ topic, key }) => (key === undefined ? topic : `${topic} ${laneOf(key)}`)));
  throw new Error(`RabbitMQ confirmed nothing for ${PUBLISH_DEADLINE_MS / 1000} s on these topics and lanes: ${[...lanes].join(', ')} (docs/adr/0013, "Known")`);
}
