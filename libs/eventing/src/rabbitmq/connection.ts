import { connect as connectTo, type ChannelModel } from 'amqplib';
import type { Log } from '../consumer-runtime.ts';

export interface RabbitBusOptions {
  /** amqp://user:password@host:port, or amqps. */
  readonly url: string;
  readonly clientId: string;
  readonly log: Log;
}

/** A broker that says nothing for twice so long is taken for dead. */
const HEARTBEAT_S = 5;
const CONNECT_DEADLINE_MS = 5_000;

/** A connection whose failure is told by whatever is asked of it next. */
export async function connect({ url, clientId }: RabbitBusOptions): Promise<ChannelModel> {
  const target = new URL(url);
  target.searchParams.set('heartbeat', String(HEARTBEAT_S));
  const connection = await connectTo(target.href, {
    timeout: CONNECT_DEADLINE_MS,
    noDelay: true,
    clientProperties: { connection_name: clientId },
  });
  connection.on('error', () => {});
  return connection;
}
