import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { openKafka, type BusMessage, type KafkaClient } from '@shop/eventing';
import { percentile } from '../../lab/bench.ts';
import { Meter, serve } from '../../lab/serve.ts';
import { log } from '../../lab/topic.ts';

/** What one process is asked to do with one client. Each answers what it cost. */
export type Task =
  | { readonly do: 'produce'; readonly topic: string; readonly messages: number }
  | { readonly do: 'consume'; readonly topic: string; readonly messages: number }
  | { readonly do: 'pace'; readonly topic: string; readonly perSecond: number; readonly seconds: number };

export interface Cost {
  readonly messages: number;
  readonly perSecond: number;
  readonly cpuMicros: number;
  readonly rssMiB: number;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
}

/** As the relay publishes and as the runtime takes in hand. */
const [BATCH, IN_HAND] = [128, 64];
const KEYS = 1_000;
/** About the size of an order that was placed. */
const value = JSON.stringify({ filler: 'x'.repeat(580) });

const { CLIENT = 'platformatic', KAFKA_BROKERS: brokers = '' } = process.env;
const bus = await openKafka(CLIENT as KafkaClient, {
  brokers: brokers.split(','),
  clientId: `bench-${process.pid}`,
  log,
});
const meter = new Meter();

async function produce(topic: string, messages: number): Promise<Cost> {
  const batchFrom = (first: number): BusMessage[] =>
    Array.from({ length: Math.min(BATCH, messages - first) }, (_, n) => ({
      topic,
      key: `key-${(first + n) % KEYS}`,
      value,
    }));
  meter.start();
  for (let first = 0; first < messages; first += BATCH) await bus.publish(batchFrom(first));
  return { messages, ...meter.read(messages) };
}

/** Joining the group is not measured: it happens once. */
async function consume(topic: string, messages: number): Promise<Cost> {
  const seen = new Set<string>();
  let done = () => {};
  const all = new Promise<void>((resolve) => (done = resolve));
  const subscription = await bus.subscribe({
    group: randomUUID(),
    topics: [topic],
    maxInFlight: IN_HAND,
    handle: async ({ id }) => {
      if (seen.size === 0) meter.start();
      seen.add(id);
      if (seen.size === messages) done();
    },
  });
  await Promise.race([all, sleep(120_000, undefined, { ref: false })]);
  const cost = { messages: seen.size, ...meter.read(messages) };
  await subscription.close();
  return cost;
}

/**
 * From the moment a message was due to the moment it was in a handler's hands. What is due is published together, as
 * the relay does.
 */
async function pace(topic: string, perSecond: number, seconds: number): Promise<Cost> {
  const latencies: number[] = [];
  const total = perSecond * seconds;
  let warm = 0;
  let done = () => {};
  const all = new Promise<void>((resolve) => (done = resolve));
  const subscription = await bus.subscribe({
    group: randomUUID(),
    topics: [topic],
    maxInFlight: IN_HAND,
    handle: async ({ value: due = '' }) => {
      if (due === 'warm') warm++;
      else latencies.push(performance.now() - Number(due));
      if (latencies.length === total) done();
    },
  });
  while (warm === 0) {
    await bus.publish([{ topic, key: 'warm', value: 'warm' }]);
    await sleep(50);
  }
  meter.start();
  const began = performance.now();
  for (let sent = 0; sent < total; ) {
    const due = Math.min(total, Math.floor(((performance.now() - began) / 1000) * perSecond));
    const batch = Array.from({ length: due - sent }, (_, n) => ({
      topic,
      key: `key-${(sent + n) % KEYS}`,
      value: String(began + ((sent + n + 1) * 1000) / perSecond),
    }));
    await bus.publish(batch);
    sent = due;
    await sleep(1);
  }
  await Promise.race([all, sleep(30_000, undefined, { ref: false })]);
  const cost = {
    messages: latencies.length,
    ...meter.read(total),
    p50Ms: percentile(latencies, 50),
    p99Ms: percentile(latencies, 99),
  };
  await subscription.close();
  return cost;
}

function perform(task: Task): Promise<Cost> {
  switch (task.do) {
    case 'produce':
      return produce(task.topic, task.messages);
    case 'consume':
      return consume(task.topic, task.messages);
    case 'pace':
      return pace(task.topic, task.perSecond, task.seconds);
  }
}

serve(perform, () => bus.close());
