import { SQSClient } from '@aws-sdk/client-sqs';
import type { Log } from '../consumer-runtime.ts';

export interface SqsBusOptions {
  /**
   * Where SQS answers: https://sqs.<region>.amazonaws.com, or an emulator. User and password in it are key id and
   * secret; without them the SDK finds its own.
   */
  readonly url: string;
  readonly clientId: string;
  readonly log: Log;
}

const CONNECT_DEADLINE_MS = 5_000;
const ANSWER_DEADLINE_MS = 10_000;

/** A client that asks again twice, and waits for no answer for ever. */
export function clientOf(url: string): SQSClient {
  const { origin, hostname, username, password } = new URL(url);
  return new SQSClient({
    endpoint: origin,
    // An emulator names its queues by where it thinks it is.
    useQueueUrlAsEndpoint: false,
    region: /^sqs\.([^.]+)\.amazonaws\.com/.exec(hostname)?.[1] ?? 'elasticmq',
    ...(username !== '' && {
      credentials: { accessKeyId: decodeURIComponent(username), secretAccessKey: decodeURIComponent(password) },
    }),
    maxAttempts: 3,
    requestHandler: {
      connectionTimeout: CONNECT_DEADLINE_MS,
      requestTimeout: ANSWER_DEADLINE_MS,
      throwOnRequestTimeout: true,
    },
  });
}
