import { randomUUID, randomUUIDv7 } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { reserveStock } from '@shop/contracts';
import { event, kafkaClients, openKafka, PostgresOutbox, QueueRelay, readTopic, type MessageBus } from '@shop/eventing';
import { Database } from '@shop/platform';
import { describeWith, freshDatabase } from '@shop/testing';
import { Kafka, logLevel } from 'kafkajs';
import { afterEach, beforeAll, expect, it, vi } from 'vitest';
import { KafkaLine } from './kafka-line.ts';

const { url } = await freshDatabase('catalog');
const log = { info: () => {}, warn: () => {}, error: () => {} };
const PARTITIONS = 4;

describeWith('kafka', 'a partition that is silent', ({ brokers }) => {
  const database = new Database(url, { size: 4, application: 'spec' });
  const outbox = new PostgresOutbox();
  const kafka = new Kafka({ brokers: brokers.split(','), clientId: 'spec', logLevel: logLevel.NOTHING });
  const closing: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).toReversed()) await close();
    await database.query('WITH queue AS (DELETE FROM outbox) DELETE FROM outbox_held');
  });
  beforeAll(() => async () => database.close());

  const newTopic = async () => {
    const [topic, admin] = [`silent-${randomUUID()}`, kafka.admin()];
    await admin.connect();
    await admin.createTopics({ topics: [{ topic, numPartitions: PARTITIONS }], waitForLeaders: true });
    await admin.disconnect();
    return topic;
  };
  const write = (topic: string, keys: readonly string[], sequence: number) =>
    database.transaction((tx) =>
      outbox.add(
        tx,
        keys.map((key) =>
          event(
            { ...reserveStock, topic: topic as 'catalog.commands' },
            { key, sequence, data: { orderId: key, lines: [{ productId: key, quantity: 1 }] } },
          ),
        ),
      ),
    );
  const held = async () => (await database.query<{ key: string }>('SELECT key FROM outbox_held')).map(({ key }) => key);
  const waiting = async () => (await database.query('SELECT 1 FROM outbox')).length;
  const keysOn = async (bus: MessageBus, topic: string, keys: readonly string[]) => {
    const destinations = await bus.destinationsOf(keys.map((key) => ({ topic, key, value: '' })));
    return Map.groupBy(keys, (_, n) => destinations[n]);
  };

  it.each(kafkaClients)(
    'holds back its own keys and nobody else, however long it is so, and gets them in order when it is well: %s',
    async (client) => {
      const [topic, line] = [await newTopic(), await KafkaLine.to(brokers)];
      const bus = await openKafka(client, { brokers: [line.brokers], clientId: 'spec', log, requestTimeoutMs: 1_500 });
      const relay = new QueueRelay({ bus, log, connectionString: url, patienceMs: 300 });
      closing.push(
        () => line.close(),
        () => bus.close(),
        () => relay.stop(),
      );
      const keys = Array.from({ length: 24 }, () => randomUUIDv7());
      const places = await keysOn(bus, topic, keys);
      const ill = places.get(`${topic}:2`) ?? [];
      relay.start();
      await write(topic, keys, 1);
      await vi.waitFor(async () => expect(await waiting()).toBe(0), { timeout: 15_000 });
      line.fallIll('silent', (of, partition) => of === topic && partition === 2);
      for (let sequence = 2; sequence <= 12; sequence++) {
        await write(topic, keys, sequence);
        await sleep(250); // all in all longer than a client waits for an answer
      }
      await vi.waitFor(async () => expect(await waiting()).toBe(0), { timeout: 5_000, interval: 20 });
      expect(new Set(await held())).toEqual(new Set(ill));
      expect(line.hits).toBeGreaterThan(0);
      line.recover();
      await vi.waitFor(async () => expect(await held()).toEqual([]), { timeout: 15_000, interval: 50 });
      const read = await readTopic(brokers, topic);
      for (const key of keys) {
        const all = read.flatMap((each) =>
          each.key === key ? [Number((JSON.parse(each.value ?? '{}') as { sequence: string }).sequence)] : [],
        );
        expect(all.filter((sequence, n) => all.indexOf(sequence) === n)).toEqual(
          Array.from({ length: 12 }, (_, n) => n + 1),
        );
      }
    },
  );

  it.each(kafkaClients)(
    'refuses its own messages alone, and says so in what its client can read: %s',
    async (client) => {
      const [topic, line] = [await newTopic(), await KafkaLine.to(brokers)];
      const bus = await openKafka(client, { brokers: [line.brokers], clientId: 'spec', log });
      closing.push(
        () => line.close(),
        () => bus.close(),
      );
      const places = await keysOn(
        bus,
        topic,
        Array.from({ length: 24 }, (_, n) => `k${n}`),
      );
      const [ill = '', well = ''] = [places.get(`${topic}:2`)?.[0], places.get(`${topic}:1`)?.[0]];
      line.fallIll('refusing', (of, partition) => of === topic && partition === 2);
      await expect(bus.publish([{ topic, key: ill, value: '1' }], { lane: 'ill' })).rejects.toThrow(
        /failed|in-sync|replicas/i,
      );
      await bus.publish([{ topic, key: well, value: '1' }]);
      line.recover();
      await bus.publish([{ topic, key: ill, value: '1' }], { lane: 'ill' });
      expect((await readTopic(brokers, topic)).map(({ key }) => key).toSorted()).toEqual([ill, well].toSorted());
    },
  );

  it.each(kafkaClients)(
    'takes nothing from messages that are published while another waits for it: %s',
    async (client) => {
      const [topic, line] = [await newTopic(), await KafkaLine.to(brokers)];
      const bus = await openKafka(client, { brokers: [line.brokers], clientId: 'spec', log, requestTimeoutMs: 1_500 });
      closing.push(
        () => line.close(),
        () => bus.close(),
      );
      const places = await keysOn(
        bus,
        topic,
        Array.from({ length: 24 }, (_, n) => `k${n}`),
      );
      const [ill = '', well = ''] = [places.get(`${topic}:2`)?.[0], places.get(`${topic}:1`)?.[0]];
      await bus.publish([{ topic, key: well, value: '0' }]);
      line.fallIll('silent', (of, partition) => of === topic && partition === 2);
      const silent = bus.publish([{ topic, key: ill, value: '1' }], { lane: 'ill' }).then(
        () => 'published',
        () => 'not published',
      );
      await vi.waitFor(() => expect(line.hits).toBe(1), { timeout: 5_000 });
      for (let n = 1; n <= 10; n++) {
        await bus.prove();
        await bus.publish([{ topic, key: well, value: String(n) }]);
        expect(await bus.destinationsOf([{ topic, key: ill, value: '' }])).toEqual([`${topic}:2`]);
      }
      const givenUp = new AbortController();
      const shared = bus.publish([{ topic, key: ill, value: '2' }], { givenUp: givenUp.signal }).then(
        () => 'published',
        () => 'not published',
      );
      await vi.waitFor(() => expect(line.hits).toBeGreaterThan(1), { timeout: 5_000 });
      givenUp.abort();
      const began = performance.now();
      await bus.publish([{ topic, key: well, value: '11' }]);
      expect(performance.now() - began).toBeLessThan(1_500);
      expect(await Promise.race([silent, shared, Promise.resolve('not yet')])).not.toBe('published');
    },
  );
});
