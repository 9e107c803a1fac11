import { setTimeout as sleep } from 'node:timers/promises';
import {
  ChangeMessageVisibilityBatchCommand,
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  ReceiveMessageCommand,
  type Message,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import { atMost } from '../at-most.ts';
import type { Delivery, SubscribeOptions, Subscription } from '../bus.ts';
import type { Log } from '../consumer-runtime.ts';
import { makeQueue, VISIBILITY_S } from './topology.ts';

/** How long an empty queue is waited at: so long a closing may take longer, and so often it is paid for. */
const WAIT_S = 2;
const MOST_AT_ONCE = 10;
const EXTEND_EVERY_MS = (VISIBILITY_S * 1_000) / 3;
const RETRY_AFTER_MS = 500;
const FINISH_DEADLINE_MS = 10_000;
/** When a message that was not handled comes again. */
const AGAIN_AFTER_S = 1;

/** One instance of a group: reads the group's queue of each topic. */
export class SqsSubscription implements Subscription {
  readonly #forget: () => void;
  readonly #readers: readonly QueueReader[];

  /** `forget`: called when it is closed. */
  constructor(client: SQSClient, log: Log, options: SubscribeOptions, forget: () => void) {
    this.#forget = forget;
    const hands = Math.max(1, Math.floor(options.maxInFlight / options.topics.length));
    this.#readers = options.topics.map((topic) => new QueueReader({ client, log, topic, hands, ...options }));
  }

  /** Of the queue that has been silent longest. */
  idleMs(): number {
    return Math.max(...this.#readers.map((reader) => reader.idleMs()));
  }

  open(): void {
    for (const reader of this.#readers) reader.open();
  }

  async close(): Promise<void> {
    await Promise.all(this.#readers.map((reader) => reader.close())).finally(this.#forget);
  }
}

interface ReaderOptions {
  readonly client: SQSClient;
  readonly log: Log;
  readonly topic: string;
  readonly group: string;
  /** Messages in hand at once. */
  readonly hands: number;
  readonly handle: SubscribeOptions['handle'];
}

class QueueReader {
  readonly #options: ReaderOptions;
  readonly #inHand = new Map<Message, Promise<void>>();
  readonly #closing = new AbortController();
  #queue: string | undefined;
  #lastAnswer = performance.now();
  #running: Promise<void> | undefined;
  #extending: NodeJS.Timeout | undefined;

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  idleMs(): number {
    return performance.now() - this.#lastAnswer;
  }

  open(): void {
    this.#running ??= this.#run();
    this.#extending ??= setInterval(() => void this.#extend(), EXTEND_EVERY_MS).unref();
  }

  /** What is in hand is finished, and stays hidden from others meanwhile. */
  async close(): Promise<void> {
    this.#closing.abort();
    await atMost(FINISH_DEADLINE_MS, Promise.all([this.#running, ...this.#inHand.values()]));
    clearInterval(this.#extending);
  }

  async #run(): Promise<void> {
    const { client, log, topic, group } = this.#options;
    while (!this.#closing.signal.aborted) {
      try {
        this.#queue ??= await makeQueue(client, topic, group);
        await this.#receive(this.#queue);
      } catch (error) {
        // Deleted by somebody: then it is made again.
        if ((error as Error).name.includes('QueueDoesNotExist')) this.#queue = undefined;
        log.warn({ err: error as Error, group, topic }, 'sqs does not answer; asking again');
        await sleep(RETRY_AFTER_MS, undefined, { signal: this.#closing.signal }).catch(() => {});
      }
    }
  }

  async #receive(queue: string): Promise<void> {
    const { client, hands } = this.#options;
    while (this.#inHand.size >= hands) await Promise.race(this.#inHand.values());
    if (this.#closing.signal.aborted) return;
    const { Messages = [] } = await client.send(
      new ReceiveMessageCommand({
        QueueUrl: queue,
        MaxNumberOfMessages: Math.min(MOST_AT_ONCE, hands - this.#inHand.size),
        WaitTimeSeconds: WAIT_S,
        VisibilityTimeout: VISIBILITY_S,
        MessageAttributeNames: ['All'],
      }),
    );
    this.#lastAnswer = performance.now();
    for (const message of Messages) {
      // Closed while it was on its way: others may have it at once.
      if (this.#closing.signal.aborted) await this.#hideFor(queue, message, 0);
      else this.#hand(queue, message);
    }
  }

  #hand(queue: string, message: Message): void {
    const { client, handle, log, group, topic } = this.#options;
    const work = handle(deliveryOf(topic, message))
      .then(
        () =>
          client
            .send(new DeleteMessageCommand({ QueueUrl: queue, ReceiptHandle: message.ReceiptHandle }))
            .then(() => {}),
        () => this.#hideFor(queue, message, AGAIN_AFTER_S),
      )
      // Nothing is lost: it comes again, and the inbox knows it.
      .catch((error: Error) => log.warn({ err: error, group }, 'a message could not be acknowledged; it comes again'))
      .finally(() => this.#inHand.delete(message));
    this.#inHand.set(message, work);
  }

  async #hideFor(queue: string, { ReceiptHandle }: Message, seconds: number): Promise<void> {
    await this.#options.client.send(
      new ChangeMessageVisibilityCommand({ QueueUrl: queue, ReceiptHandle, VisibilityTimeout: seconds }),
    );
  }

  /** Keeps what is in hand hidden from others for as long as it takes. */
  async #extend(): Promise<void> {
    const { client, log, group } = this.#options;
    const entries = [...this.#inHand.keys()].map(({ ReceiptHandle }, n) => ({
      Id: String(n),
      ReceiptHandle,
      VisibilityTimeout: VISIBILITY_S,
    }));
    for (let n = 0; n < entries.length; n += MOST_AT_ONCE) {
      try {
        await client.send(
          new ChangeMessageVisibilityBatchCommand({
            QueueUrl: this.#queue,
            Entries: entries.slice(n, n + MOST_AT_ONCE),
          }),
        );
        this.#lastAnswer = performance.now();
      } catch (error) {
        log.warn({ err: error as Error, group }, 'what is in hand may come again: it could not be hidden any longer');
      }
    }
  }
}

/** A message as it arrived, whoever reads it. */
export function deliveryOf(topic: string, { MessageId, Body, MessageAttributes = {} }: Message): Delivery {
  return {
    id: `${topic}:0:${MessageId}`,
    topic,
    key: MessageAttributes['key']?.StringValue,
    value: Body,
    headers: JSON.parse(MessageAttributes['headers']?.StringValue ?? '{}') as Record<string, string>,
  };
}
