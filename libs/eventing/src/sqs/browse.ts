import {
  ChangeMessageVisibilityCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  type Message,
} from '@aws-sdk/client-sqs';
import type { Delivery } from '../bus.ts';
import { clientOf } from './connection.ts';
import { deliveryOf } from './sqs-subscription.ts';
import { queueOf } from './topology.ts';

const HIDDEN_S = 30;

/**
 * What waits in the queue of a group that reads the topic of its own name. Each message is hidden from others while we
 * look, and shown again afterwards. Of more than ten messages of one key SQS shows the first ten: the others are to
 * come after those are done with.
 */
export async function browse(url: string, topic: string): Promise<Delivery[]> {
  const client = clientOf(url);
  const found: Message[] = [];
  const { QueueUrl } = await client.send(new GetQueueUrlCommand({ QueueName: queueOf(topic, topic) }));
  try {
    for (let more = true; more; ) {
      const receive = {
        QueueUrl,
        MaxNumberOfMessages: 10,
        WaitTimeSeconds: 0,
        VisibilityTimeout: HIDDEN_S,
        MessageAttributeNames: ['All'],
      };
      const { Messages = [] } = await client.send(new ReceiveMessageCommand(receive));
      found.push(...Messages);
      more = Messages.length > 0;
    }
    return found.map((message) => deliveryOf(topic, message));
  } finally {
    const show = ({ ReceiptHandle }: Message) =>
      client.send(new ChangeMessageVisibilityCommand({ QueueUrl, ReceiptHandle, VisibilityTimeout: 0 }));
    await Promise.allSettled(found.map(show));
    client.destroy();
  }
}
