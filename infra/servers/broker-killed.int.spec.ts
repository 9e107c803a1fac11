import { randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Admin } from '@platformatic/kafka';
import { KafkaBus, type BusMessage } from '@shop/eventing';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { openState, wipeState, type State } from '../state.ts';
import { kafkaObstacle, nativeKafka } from './kafka.ts';

const obstacle = kafkaObstacle();
const log = { info: () => {}, warn: () => {}, error: () => {} };
const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
const [topic, group] = [`killed-${randomUUID()}`, randomUUID()];

describe('a broker that is killed and starts again', () => {
  let state: State;
  let brokers = '';
  const buses: KafkaBus[] = [];
  const bus = () => buses[buses.push(new KafkaBus({ brokers: [brokers], clientId: 'spec', log })) - 1]!;

  beforeAll(async () => {
    if (obstacle) return;
    state = await openState(mkdtempSync('/var/tmp/ablation-killed-'), () => {});
    brokers = (await nativeKafka(state, 0, () => {}).start())!;
    const admin = new Admin({ clientId: 'spec', bootstrapBrokers: [brokers] });
    await admin.createTopics({ topics: [topic], partitions: 4, replicas: 1 });
    await admin.close();
  }, 180_000);
  afterAll(async () => {
    if (obstacle) return;
    await Promise.all(buses.map((one) => one.close()));
    await state.close();
    wipeState(state.folder);
  });

  it('loses nothing that was acknowledged, keeps the order of each key, and is read to its end', async ({ task, skip }) => {
    if (obstacle) {
      task.meta.needs = 'kafka';
      skip(obstacle);
    }
    const read = new Map(keys.map((key) => [key, [] as number[]]));
    const note = async ({ key = '', value }: { key: string | undefined; value: string | undefined }) => void read.get(key)?.push(Number(value));
    for (let n = 0; n < 2; n++) await bus().subscribe({ group, topics: [topic], maxInFlight: 16, handle: note });
    const publisher = publishing(bus());
    await vi.waitFor(() => expect(read.get('a')?.length).toBeGreaterThan(20), { timeout: 20_000 });

    const { pid } = state.processes.pids.find(({ name }) => name === 'kafka')!;
    process.kill(pid, 'SIGKILL');
    while (state.processes.pids.some((one) => one.pid === pid)) await sleep(10);
    const before = publisher.acknowledged;
    await nativeKafka(state, Number(brokers.split(':')[1]), () => {}).start();
    await vi.waitFor(() => expect(publisher.acknowledged).toBeGreaterThan(before + 20), { timeout: 20_000 });
    const last = await publisher.stop();

    expect(publisher.failures).toBeGreaterThan(0);
    const everything = Array.from({ length: last }, (_, n) => n + 1);
    await vi.waitFor(() => keys.forEach((key) => expect(new Set(read.get(key)).size).toBe(last)), { timeout: 20_000, interval: 50 });
    // What comes twice does so at the same place or later: each number is first seen in its turn.
    for (const key of keys) expect([...new Set(read.get(key))]).toEqual(everything);
    await vi.waitFor(async () => expect(await committed()).toBe(await written()), { timeout: 20_000, interval: 200 });
  }, 90_000);

  /** Says the next number under every key, again and again; a batch that is not acknowledged is said again, as the relay does it. */
  function publishing(one: KafkaBus) {
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

  async function asking<T>(question: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = new Admin({ clientId: 'spec', bootstrapBrokers: [brokers] });
    try {
      return await question(admin);
    } finally {
      await admin.close();
    }
  }
  const sum = (offsets: bigint[]) => offsets.reduce((total, offset) => total + (offset > 0n ? offset : 0n), 0n);
  const committed = () =>
    asking(async (admin) => sum((await admin.listConsumerGroupOffsets({ groups: [group] })).flatMap((one) => one.topics.flatMap(({ partitions }) => partitions.map((p) => p.committedOffset)))));
  const written = () =>
    asking(async (admin) => {
      const partitions = [0, 1, 2, 3].map((partitionIndex) => ({ partitionIndex, timestamp: -1n }));
      return sum((await admin.listOffsets({ topics: [{ name: topic, partitions }] })).flatMap((one) => one.partitions.map(({ offset }) => offset)));
    });
});
