import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChannelModel, ConfirmChannel } from 'amqplib';
import { atMost } from '../at-most.ts';
import {
  MessageBus,
  PROOF_DEADLINE_MS,
  Unpublishable,
  type BusMessage,
  type End,
  type SubscribeOptions,
  type Subscription,
} from '../bus.ts';
import { connect, type RabbitBusOptions } from './connection.ts';
import { RabbitSubscription } from './rabbit-subscription.ts';
import { LANES, laneOf, queueOf } from './topology.ts';

const PUBLISH_DEADLINE_MS = 30_000;
const CLOSE_DEADLINE_MS = 3_000;
/** AMQP's answer to a message beyond the broker's max_message_size. */
const PRECONDITION_FAILED = 406;

/** A channel that one batch has for itself at a time. */
interface Publisher {
  readonly channel: ConfirmChannel;
  /** Why the broker closed the channel. */
  failure?: Error & { code?: number };
  /** Ids of messages that no queue was bound for. */
  readonly returned: Set<string>;
}

/**
 * RabbitMQ: a topic is an exchange, a group a set of replicated queues with one active consumer each. See topology.ts.
 */
export class RabbitBus extends MessageBus {
  readonly #options: RabbitBusOptions;
  readonly #subscriptions = new Set<RabbitSubscription>();
  #connection: Promise<ChannelModel> | undefined;
  /** Channels that no batch has. */
  #idle: Publisher[] = [];

  constructor(options: RabbitBusOptions) {
    super();
    this.#options = options;
  }

  /**
   * What the broker refuses closes the channel, and so is of this batch and no other; a lane that does not answer keeps
   * nobody else waiting.
   */
  override async publish(messages: readonly BusMessage[]): Promise<void> {
    if (messages.length === 0) return;
    const publisher = this.#idle.pop() ?? (await this.#open());
    try {
      await inTime(messages, (message) => confirmed(publisher, message));
    } catch (error) {
      void publisher.channel.close().catch(() => {});
      const { failure } = publisher;
      if (failure?.code === PRECONDITION_FAILED) throw new Unpublishable(failure.message, { cause: failure });
      throw failure ?? error;
    }
    const returned = publisher.returned.size > 0;
    publisher.returned.clear();
    this.#idle.push(publisher);
    if (returned)
      throw new Error('a message was for a topic that no group has a queue on: make those first, or it would be lost');
  }

  override async prove(): Promise<void> {
    const late = sleep(PROOF_DEADLINE_MS, 'late', { ref: false });
    const asked = this.#ask();
    asked.catch(() => {}); // it may fail when nobody waits for it any more
    if ((await Promise.race([asked, late])) !== 'late') return;
    void this.#drop();
    throw new Error(`RabbitMQ has not answered for ${PROOF_DEADLINE_MS} ms`);
  }

  override async destinationsOf(messages: readonly BusMessage[]): Promise<readonly string[]> {
    return messages.map(({ topic, key }) => (key === undefined ? topic : `${topic}:${laneOf(key)}`));
  }

  override async subscribe(options: SubscribeOptions): Promise<Subscription> {
    const subscription: RabbitSubscription = new RabbitSubscription(this.#options, options, () =>
      this.#subscriptions.delete(subscription),
    );
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
        const queues = await Promise.all(
          Array.from({ length: LANES }, (_, lane) => channel.checkQueue(queueOf(group, lane))),
        );
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

  /** Of any channel: an exchange that every broker has. */
  async #ask(): Promise<void> {
    const publisher = this.#idle.pop() ?? (await this.#open());
    await publisher.channel.checkExchange('amq.direct');
    this.#idle.push(publisher);
  }

  async #open(): Promise<Publisher> {
    const opening = (this.#connection ??= this.#connect());
    try {
      const channel = await (await opening).createConfirmChannel();
      const publisher: Publisher = { channel, returned: new Set() };
      channel.on('error', (error: Error) => (publisher.failure = error));
      channel.on('close', () => (this.#idle = this.#idle.filter((other) => other !== publisher)));
      channel.on('return', ({ properties }) => publisher.returned.add(String(properties.messageId)));
      return publisher;
    } catch (error) {
      if (this.#connection === opening) this.#connection = undefined;
      throw error;
    }
  }

  async #connect(): Promise<ChannelModel> {
    const connection = await connect(this.#options);
    // Whatever waits is told by its own confirmation; the next batch connects anew.
    connection.on('close', () => void this.#drop(connection));
    return connection;
  }

  async #drop(only?: ChannelModel): Promise<void> {
    const connection = await this.#connection?.catch(() => undefined);
    if (!connection || (only && only !== connection)) return;
    [this.#connection, this.#idle] = [undefined, []];
    await connection.close().catch(() => {});
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
    channel.publish(topic, String(laneOf(key)), Buffer.from(value), properties, (error) =>
      error ? reject(error as Error) : resolve(),
    );
  });
}

/** A lane that confirms nothing has no leader: the error says which, since the broker does not. */
async function inTime(messages: readonly BusMessage[], confirm: (message: BusMessage) => Promise<void>): Promise<void> {
  const open = new Set(messages);
  const work = Promise.all(messages.map((message) => confirm(message).then(() => open.delete(message))));
  const late = sleep(PUBLISH_DEADLINE_MS, 'late', { ref: false });
  if ((await Promise.race([work, late])) !== 'late') return;
  const lanes = new Set([...open].map(({ topic, key }) => (key === undefined ? topic : `${topic} ${laneOf(key)}`)));
  throw new Error(
    `RabbitMQ confirmed nothing for ${PUBLISH_DEADLINE_MS / 1000} s on these topics and lanes: ${[...lanes].join(', ')} (docs/adr/0013, "Known")`,
  );
}
