import { randomUUID } from 'node:crypto';
import {
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ListQueuesCommand,
  paginateListQueues,
  SendMessageBatchCommand,
  type SendMessageBatchRequestEntry,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import {
  MessageBus,
  PROOF_DEADLINE_MS,
  Unpublishable,
  type BusMessage,
  type End,
  type SubscribeOptions,
  type Subscription,
} from '../bus.ts';
import { clientOf, type SqsBusOptions } from './connection.ts';
import { SqsSubscription } from './sqs-subscription.ts';
import { messageGroupOf, queueOf, queuesOf } from './topology.ts';

/** What SQS takes in one request, and the room that the attributes of a message need. */
const MOST_ENTRIES = 10;
const MOST_BYTES = 1_048_576;
const ATTRIBUTES_BYTES = 2_048;
/** Answers that no repetition changes: the message itself is at fault. */
const REFUSALS = new Set([
  'InvalidParameterValue',
  'InvalidMessageContents',
  'InvalidAttributeValue',
  'MessageTooLong',
  'BatchRequestTooLong',
  'MissingParameter',
]);
/** How long a group that is new to a topic may go unheard of. */
const LOOK_FOR_QUEUES_EVERY_MS = 30_000;

/** SQS: a FIFO queue for each group and topic, a message group for each key. See topology.ts. */
export class SqsBus extends MessageBus {
  readonly #options: SqsBusOptions;
  readonly #client: SQSClient;
  readonly #subscriptions = new Set<SqsSubscription>();
  readonly #queues = new Map<string, { urls: readonly string[]; until: number }>();

  constructor(options: SqsBusOptions) {
    super();
    this.#options = options;
    this.#client = clientOf(options.url);
  }

  override async publish(messages: readonly BusMessage[]): Promise<void> {
    const topics = Map.groupBy(messages, (message) => message.topic);
    await Promise.all(
      [...topics].map(async ([topic, given]) => {
        const entries = given.map(entryOf);
        await Promise.all((await this.#queuesOf(topic)).map((url) => this.#send(url, entries)));
      }),
    );
  }

  override async prove(): Promise<void> {
    await this.#client.send(new ListQueuesCommand({ MaxResults: 1 }), {
      abortSignal: AbortSignal.timeout(PROOF_DEADLINE_MS),
    });
  }

  override async subscribe(options: SubscribeOptions): Promise<Subscription> {
    const subscription: SqsSubscription = new SqsSubscription(this.#client, this.#options.log, options, () =>
      this.#subscriptions.delete(subscription),
    );
    this.#subscriptions.add(subscription);
    subscription.open();
    return subscription;
  }

  /**
   * Its queues have no positions: the end is reached when they are empty, as far as SQS knows (its counts are
   * approximate).
   */
  override async end(group: string, topics: readonly string[]): Promise<End> {
    const waiting = async (topic: string) => {
      const { QueueUrl } = await this.#client.send(new GetQueueUrlCommand({ QueueName: queueOf(topic, group) }));
      const asked = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'] as const;
      const { Attributes = {} } = await this.#client.send(
        new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [...asked] }),
      );
      return asked.reduce((sum, name) => sum + Number(Attributes[name] ?? 0), 0);
    };
    await Promise.all(topics.map(waiting));
    return { isReached: async () => (await Promise.all(topics.map(waiting))).every((count) => count === 0) };
  }

  override async close(): Promise<void> {
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.close()));
    this.#client.destroy();
  }

  async #queuesOf(topic: string): Promise<readonly string[]> {
    const known = this.#queues.get(topic);
    if (known && known.until > performance.now()) return known.urls;
    const urls: string[] = [];
    for await (const { QueueUrls = [] } of paginateListQueues(
      { client: this.#client },
      { QueueNamePrefix: queuesOf(topic) },
    ))
      urls.push(...QueueUrls);
    if (urls.length === 0)
      throw new Error(`no group has a queue for ${topic}: make those first, or its messages would be lost`);
    this.#queues.set(topic, { urls, until: performance.now() + LOOK_FOR_QUEUES_EVERY_MS });
    return urls;
  }

  /**
   * One request after the other, none with two messages of one group: what fails has not been overtaken when all are
   * sent again.
   */
  async #send(queue: string, entries: readonly SendMessageBatchRequestEntry[]): Promise<void> {
    for (let left = entries; left.length > 0; ) {
      const { batch, rest } = nextBatch(left);
      const { Failed = [] } = await this.#client
        .send(new SendMessageBatchCommand({ QueueUrl: queue, Entries: batch }))
        .catch((error: Error) => {
          throw REFUSALS.has(nameOf(error)) ? new Unpublishable(error.message, { cause: error }) : error;
        });
      const [failed] = Failed;
      if (failed && REFUSALS.has(failed.Code?.split('.').at(-1) ?? ''))
        throw new Unpublishable(`${failed.Code}: ${failed.Message}`);
      if (failed) throw new Error(`SQS did not take a message: ${failed.Code} ${failed.Message}`);
      left = rest;
    }
  }
}

/** As much as one request takes, in order. */
export function nextBatch(entries: readonly SendMessageBatchRequestEntry[]): {
  batch: SendMessageBatchRequestEntry[];
  rest: SendMessageBatchRequestEntry[];
} {
  const batch: SendMessageBatchRequestEntry[] = [];
  const rest: SendMessageBatchRequestEntry[] = [];
  const groups = new Set<string | undefined>();
  let bytes = 0;
  for (const [index, entry] of entries.entries()) {
    const size = Buffer.byteLength(entry.MessageBody ?? '') + ATTRIBUTES_BYTES;
    if (batch.length === MOST_ENTRIES || (batch.length > 0 && bytes + size > MOST_BYTES))
      return { batch, rest: [...rest, ...entries.slice(index)] };
    if (groups.has(entry.MessageGroupId)) {
      rest.push(entry);
      continue;
    }
    groups.add(entry.MessageGroupId);
    bytes += size;
    batch.push(entry);
  }
  return { batch, rest };
}

/**
 * Deduplicated by an id that this very publishing has: what the SDK repeats is one message, what is published again is
 * another. An id of the message's own would make SQS swallow a replay of it for five minutes; that a message may come
 * twice is the inbox's business.
 */
function entryOf({ key, value, headers = {} }: BusMessage): SendMessageBatchRequestEntry {
  const id = randomUUID();
  const text = (StringValue: string) => ({ DataType: 'String', StringValue });
  return {
    Id: id,
    MessageBody: value,
    MessageGroupId: messageGroupOf(key),
    MessageDeduplicationId: id,
    MessageAttributes: {
      // At most ten attributes are allowed, so headers share one.
      headers: text(JSON.stringify({ 'content-type': 'application/cloudevents+json', ...headers })),
      ...(key !== undefined && { key: text(key) }),
    },
  };
}

const nameOf = (error: Error) =>
  error.name
    .split('.')
    .at(-1)
    ?.replace(/Exception$/, '') ?? '';
