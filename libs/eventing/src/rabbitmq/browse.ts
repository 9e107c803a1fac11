import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'amqplib';
import type { Delivery } from '../bus.ts';
import { deliveryOf } from './rabbit-subscription.ts';
import { LANES, queueOf } from './topology.ts';

const PATIENCE_MS = 10_000;

/**
 * What waits in the queues of a group that nobody reads. Nothing is acknowledged, so all of it goes back to its place
 * when the connection closes.
 */
export async function browse(url: string, group: string): Promise<Delivery[]> {
  const connection = await connect(url, { timeout: 5_000 });
  connection.on('error', () => {});
  try {
    const channel = await connection.createChannel();
    const found: Delivery[] = [];
    for (let lane = 0; lane < LANES; lane++) {
      const { messageCount } = await channel.checkQueue(queueOf(group, lane));
      const until = found.length + messageCount;
      if (messageCount === 0) continue;
      const all = new Promise<true>((resolve) => {
        const take = (delivery: Delivery) => found.push(delivery) >= until && resolve(true);
        void channel.consume(queueOf(group, lane), (message) => message && take(deliveryOf(message)));
      });
      if (!(await Promise.race([all, sleep(PATIENCE_MS, false, { ref: false })])))
        throw new Error(`${group} is being read by somebody else`);
    }
    return found;
  } finally {
    await connection.close();
  }
}
