import { randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Admin } from '@platformatic/kafka';
import { makeQueues, openBus, type BusMessage, type BusSettings, type Delivery, type MessageBus } from '@shop/eventing';
import { describeWith } from '@shop/testing';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { openState, wipeState, type State } from '../state.ts';
import type { Broker, Source } from './index.ts';
import { nativeKafka } from './kafka.ts';
import { nativeRabbitmq, queuesOnDisk } from './rabbitmq.ts';
import { nativeSqs } from './sqs.ts';

const log = { info: () => {}, warn: () => {}, error: () => {} };
const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
const PARTITIONS = 4;

interface Killed {
  readonly broker: Broker;
  readonly name: string;
  readonly source: (state: State, port: number) => Source;
  readonly settings: (url: string) => BusSettings;
  readonly portOf: (url: string) => number;
  readonly makeTopic: (url: string, topic: string, group: string) => Promise<void>;
  /** Resolves when what makeTopic has made would outlive a kill, where that is not at once. */
  readonly outlives?: (state: State, group: string) => Promise<void>;
  /** Said where the order does not outlive a kill. */
  readonly forgetsOrder?: true;
  /** Everything on the topic is acknowledged. */
  readonly settled?: (url: string, topic: string, group: string) => Promise<void>;
}

const kafka = (KAFKA_CLIENT: 'platformatic' | 'kafkajs'): Killed => ({
  broker: 'kafka',
  name: `Kafka, read and written by ${KAFKA_CLIENT},`,
  source: (state, port) => nativeKafka(state, port, () => {}),
  settings: (url) => ({ BUS: 'kafka', KAFKA_BROKERS: [url], KAFKA_CLIENT }),
  portOf: (url) => Number(url.split(':')[1]),
  makeTopic: (url, topic) =>
    asking(url, (admin) => admin.createTopics({ topics: [topic], partitions: PARTITIONS, replicas: 1 })).then(() => {}),
  settled: async (url, topic, group) => expect(await committed(url, group)).toBe(await written(url, topic)),
});

const rabbitmq: Killed = {
  broker: 'rabbitmq',
  name: 'RabbitMQ',
  source: (state, port) => nativeRabbitmq(state, port, () => {}),
  settings: (RABBITMQ_URL) => ({ BUS: 'rabbitmq', RABBITMQ_URL }),
  portOf: (url) => Number(new URL(url).port),
  makeTopic: (RABBITMQ_URL, topic, group) => makeQueues({ BUS: 'rabbitmq', RABBITMQ_URL }, { [group]: [topic] }),
  outlives: (state, group) =>
    queuesOnDisk(
      state,
      Array.from({ length: 4 }, (_, lane) => `${group}.${lane}`),
    ),
};

const sqs: Killed = {
  broker: 'sqs',
  name: 'ElasticMQ (SQS)',
  source: (state, port) => nativeSqs(state, port, () => {}),
  settings: (SQS_URL) => ({ BUS: 'sqs', SQS_URL }),
  portOf: (url) => Number(new URL(url).port),
  // The emulator forgets which message groups are in hand, and hands out what comes after. (Amazon's own does not
  // restart.)
  forgetsOrder: true,
  makeTopic: (SQS_URL, topic, group) => makeQueues({ BUS: 'sqs', SQS_URL }, { [group]: [topic] }),
};

/** At night also the second client of Kafka. */
const all = [
  kafka('platformatic'),
  rabbitmq,
  sqs,
  ...(process.env['CI_LEVEL'] === 'nightly' ? [kafka('kafkajs')] : []),
];

for (const killed of all) {
  describeWith(killed.broker, `${killed.name} killed and started again`, () => suite(killed));
}

function suite({ broker, source, settings, portOf, makeTopic, outlives, forgetsOrder, settled }: Killed): void {
  const [topic, group] = [`killed-${randomUUID().slice(0, 8)}`, `g-${randomUUID().slice(0, 8)}`];
  let state: State;
  let url = '';
  const buses: MessageBus[] = [];
  const bus = async () => buses[buses.push(await openBus(settings(url), { clientId: 'spec', log })) - 1]!;

  beforeAll(async () => {
    state = await openState(mkdtempSync('/var/tmp/ablation-killed-'), () => {});
    url = (await source(state, 0).start())!;
    await makeTopic(url, topic, group);
    await outlives?.(state, group);
  }, 180_000);
  afterAll(async () => {
    await Promise.all(buses.map((one) => one.close()));
    await state?.close();
    if (state) wipeState(state.folder);
  });

  it(`has lost nothing that was acknowledged${forgetsOrder ? '' : ', keeps the order of each key'}, and is read to its end`, async () => {
    const read = new Map(keys.map((key) => [key, [] as number[]]));
    const note = async ({ key = '', value }: Delivery) => void read.get(key)?.push(Number(value));
    for (let n = 0; n < 2; n++)
      await (await bus()).subscribe({ group, topics: [topic], maxInFlight: 16, handle: note });
    const publisher = publishing(await bus());
    await vi.waitFor(() => expect(read.get('a')?.length).toBeGreaterThan(20), { timeout: 60_000 });

    const { pid } = state.processes.pids.find(({ name }) => name === broker)!;
    process.kill(pid, 'SIGKILL');
    while (state.processes.pids.some((one) => one.pid === pid)) await sleep(10);
    const before = publisher.acknowledged;
    await source(state, portOf(url)).start();
    await vi.waitFor(() => expect(publisher.acknowledged).toBeGreaterThan(before + 20), { timeout: 60_000 });
    const last = await publisher.stop();

    expect(publisher.failures).toBeGreaterThan(0);
    const everything = Array.from({ length: last }, (_, n) => n + 1);
    await vi.waitFor(() => keys.forEach((key) => expect(new Set(read.get(key)).size).toBe(last)), {
      timeout: 60_000,
      interval: 50,
    });
    // What comes twice does so at the same place or later: each number is first seen in its turn.
    const seen = keys.map((key) => [...new Set(read.get(key))]);
    for (const values of seen) expect(forgetsOrder ? values.toSorted((a, b) => a - b) : values).toEqual(everything);
    await vi.waitFor(() => settled?.(url, topic, group), { timeout: 60_000, interval: 200 });
  }, 240_000);

  /**
   * Says the next number under every key, again and again; a batch that is not acknowledged is said again, as the relay
   * does it.
   */
  function publishing(one: MessageBus) {
    let stopped = false;
    const publisher = { acknowledged: 0, failures: 0, stop: () => ((stopped = true), done) };
    const run = async () => {
      for (let open = false; open || !stopped; ) {
        const batch: BusMessage[] = keys.map((key) => ({ topic, key, value: String(publisher.acknowledged + 1) }));
        open = await one.publish(batch).then(
          () => (publisher.acknowledged++, false),
          () => (publisher.failures++, true),
        );
        await sleep(5);
      }
      return publisher.acknowledged;
    };
    const done = run();
    return publisher;
  }
}

async function asking<T>(brokers: string, question: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = new Admin({ clientId: 'spec', bootstrapBrokers: [brokers] });
  try {
    return await question(admin);
  } finally {
    await admin.close();
  }
}

const sum = (offsets: bigint[]) => offsets.reduce((total, offset) => total + (offset > 0n ? offset : 0n), 0n);

const committed = (brokers: string, group: string) =>
  asking(brokers, async (admin) => {
    const groups = await admin.listConsumerGroupOffsets({ groups: [group] });
    return sum(
      groups.flatMap(({ topics }) =>
        topics.flatMap(({ partitions }) => partitions.map((partition) => partition.committedOffset)),
      ),
    );
  });

const written = (brokers: string, topic: string) =>
  asking(brokers, async (admin) => {
    const partitions = Array.from({ length: PARTITIONS }, (_, partitionIndex) => ({ partitionIndex, timestamp: -1n }));
    return sum(
      (await admin.listOffsets({ topics: [{ name: topic, partitions }] })).flatMap((one) =>
        one.partitions.map(({ offset }) => offset),
      ),
    );
  });
