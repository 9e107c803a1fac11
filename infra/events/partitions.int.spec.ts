import { randomUUIDv7 } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Admin } from '@platformatic/kafka';
import { capturePayment, type CloudEvent } from '@shop/contracts';
import { countTerm, event, KafkaBus, PostgresOutbox, QueueRelay } from '@shop/eventing';
import { Database } from '@shop/platform';
import { describeWith, freshDatabase } from '@shop/testing';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { startServers, type Servers } from '../servers/index.ts';
import { wipeState } from '../state.ts';
import { createTopics } from '../topics.ts';
import { eventsCommand } from './command.ts';

const log = { info: () => {}, warn: () => {}, error: () => {} };
const topic = 'payments.commands';
const KEYS = 100;

// On a broker of its own: how many partitions a topic has is everybody's who uses it.
describeWith('kafka', 'partitions added to a topic under load', () => {
  const folder = join(import.meta.dirname, '../../.state-tests', `partitions-${process.pid}`);
  let servers: Servers;
  let brokers: string;
  let buses: KafkaBus[] = [];
  const seen: { key: string; sequence: number; partition: number }[] = [];
  const relays: QueueRelay[] = [];
  let database: Database;
  let urls: Awaited<ReturnType<typeof freshDatabase>>;

  beforeAll(async () => {
    servers = await startServers({ state: folder, need: ['kafka'], mode: 'testcontainers', say: () => {} });
    brokers = servers.kafka!.brokers;
    buses = [1, 2, 3, 4].map((n) => new KafkaBus({ brokers: brokers.split(','), clientId: `spec-${n}`, log }));
    await createTopics(brokers);
    urls = await freshDatabase('orders');
    database = new Database(urls.url, { size: 8, application: 'spec' });
    // Two instances that publish and two that read; a message takes a while, so that another partition's could overtake
    // it.
    for (const bus of buses.slice(0, 2)) relays.push(new QueueRelay({ connectionString: urls.url, bus, log }));
    for (const relay of relays) relay.start();
    for (const bus of buses.slice(2)) {
      const handle = async ({
        id,
        key = '',
        value = '',
      }: {
        id: string;
        key: string | undefined;
        value: string | undefined;
      }) => {
        await sleep(Math.random() * 20);
        seen.push({
          key,
          partition: Number(id.split(':')[1]),
          sequence: Number((JSON.parse(value) as CloudEvent).sequence),
        });
      };
      // In the order of each key, as the runtime has it.
      const tails = new Map<string, Promise<void>>();
      await bus.subscribe({
        group: 'payments.commands',
        topics: [topic],
        maxInFlight: 64,
        handle: (delivery) => {
          const mine = (tails.get(delivery.key ?? '') ?? Promise.resolve()).then(() => handle(delivery));
          tails.set(delivery.key ?? '', mine);
          return mine;
        },
      });
    }
  });
  afterAll(async () => {
    await Promise.all(relays.map((relay) => relay.stop()));
    await Promise.all(buses.map((bus) => bus.close()));
    await database.close();
    await servers.stop();
    wipeState(folder);
  });

  it('by the command cost no order: none of a key is read before an earlier one, and every partition is read', {
    timeout: 180_000,
  }, async () => {
    const outbox = new PostgresOutbox(() => relays.forEach((relay) => relay.wake()));
    // So many that none of seventeen partitions is left without one.
    const keys = Array.from({ length: KEYS }, () => randomUUIDv7());
    let [written, over] = [0, false];
    const writing = (async () => {
      while (!over) {
        const sequence = ++written;
        await database.transaction((tx) =>
          outbox.add(
            tx,
            keys.map((key) => event(capturePayment, { key, sequence, data: { orderId: key } })),
          ),
        );
        outbox.wake();
        await sleep(120);
      }
    })();
    await vi.waitFor(() => expect(new Set(seen.map(({ key }) => key)).size).toBe(KEYS), { timeout: 60_000 });
    const said: string[] = [];
    const shop = { brokers, databases: { orders: urls } } as never;
    expect(
      await eventsCommand(['topics', 'partitions', topic, '17'], { shop: () => shop, say: (line) => said.push(line) }),
    ).toBe(0);
    expect(said[0]).toMatch(/^paused: what orders publish/);
    expect(await database.query('SELECT value FROM agreement WHERE term = $1', [countTerm(topic)])).toEqual([
      { value: '17' },
    ]);
    const before = seen.length;
    await vi.waitFor(
      () => expect(new Set(seen.slice(before).map(({ partition }) => partition)).size).toBeGreaterThan(12),
      { timeout: 60_000 },
    );
    over = true;
    await writing;
    const last = new Map<string, number>();
    await vi.waitFor(
      () => expect(new Set(seen.map(({ key, sequence }) => `${key} ${sequence}`)).size).toBe(KEYS * written),
      { timeout: 60_000 },
    );
    const inverted = seen.filter(({ key, sequence }) => {
      // What is delivered again was seen before: it is not the first sight that is out of order.
      const newest = last.get(key) ?? 0;
      last.set(key, Math.max(newest, sequence));
      return sequence > newest + 1;
    });
    expect(inverted).toEqual([]);
    expect(seen.some(({ partition }) => partition >= 12)).toBe(true);
    const admin = new Admin({ clientId: 'spec', bootstrapBrokers: brokers.split(',') });
    expect((await admin.metadata({ topics: [topic] })).topics.get(topic)?.partitionsCount).toBe(17);
    await admin.close();
  });

  it('are refused where there would be fewer, or where nobody knows the topic', async () => {
    const shop = { brokers, databases: { orders: urls } } as never;
    const change = (...args: string[]) =>
      eventsCommand(['topics', 'partitions', ...args], { shop: () => shop, say: () => {} });
    await expect(change(topic, '4')).rejects.toThrow('there can only be more of them');
    await expect(change('no.topic', '40')).rejects.toThrow('Which topic?');
    await expect(change(topic, 'many')).rejects.toThrow('How many');
  });
});
