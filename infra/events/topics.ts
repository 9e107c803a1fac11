import { setTimeout as sleep } from 'node:timers/promises';
import { Admin, ListOffsetTimestamps } from '@platformatic/kafka';
import { consumers, messages, topics, type Topic } from '@shop/contracts';
import { agreeOnCount, PAUSE_LOCK, topicsOf } from '@shop/eventing';
import pg from 'pg';
import { givenSecurity } from '../kafka-security.ts';
import { Obstacle } from '../state.ts';
import { nothingMore, type Command } from './arguments.ts';
import { inDatabase, messagingServices, type OperatedShop } from './operated-shop.ts';

/**
 * Longer than a producer believes what it knows of a topic (5 s with both clients), so that none puts a key where it no
 * longer belongs.
 */
const KNOWN_EVERYWHERE_MS = 6_000;
const PAUSED_WITHIN_MS = 30_000;
const READ_WITHIN_MS = 60_000;

/**
 * A key lies on partition `hash % count`: with another count it moves, and its later messages would be read beside its
 * earlier ones. So nothing may be under way while the count changes. The relays of every service that writes to the
 * topic are paused (libs/eventing/src/relay-pause.ts), with whatever else they publish; orders are taken meanwhile, and
 * what they say waits in the outbox. Whatever goes wrong, the pause ends with this process.
 */
export const changePartitions: Command = async (_, [name, count, ...rest], { shop, say, patience }) => {
  nothingMore(rest);
  const [topic, wanted] = [asTopic(name), asCount(count)];
  const { brokers } = shop();
  if (brokers === undefined) throw new Obstacle('This shop runs without Kafka: there are no partitions.');
  const admin = new Admin({
    ...givenSecurity(),
    clientId: 'operator',
    bootstrapBrokers: brokers.split(','),
    retries: 5,
    retryDelay: 200,
    timeout: 10_000,
  });
  const writers = messagingServices.filter((service) =>
    [...messages.values()].some((one) => one.topic === topic && one.source === `/${service}`),
  );
  const pauses: pg.Client[] = [];
  try {
    const before = await countOf(admin, topic);
    if (wanted === before) return await agreed(shop(), topic, wanted, say);
    if (wanted < before) throw new Obstacle(`${topic} has ${before} partitions: there can only be more of them.`);
    const began = performance.now();
    for (const service of writers) pauses.push(await paused(shop(), service));
    say(`paused: what ${writers.join(' and ')} publish waits in their outboxes`);
    await untilRead(admin, topic, patience ?? READ_WITHIN_MS);
    say(`everything on ${topic} is read`);
    await admin.createPartitions({ topics: [{ name: topic, count: wanted, assignments: null }] });
    while ((await countOf(admin, topic)) < wanted) await sleep(100);
    await sleep(KNOWN_EVERYWHERE_MS);
    say(
      `${topic} has ${wanted} partitions instead of ${before}; published again after ${((performance.now() - began) / 1_000).toFixed(1)} s`,
    );
    await agreed(shop(), topic, wanted, say);
    if (wanted !== topics[topic].partitions)
      say(
        `Now say so in libs/contracts/src/topics.ts, which has ${topics[topic].partitions}, and run "npm run generate -- --accept-breaking".`,
      );
    return 0;
  } finally {
    await Promise.all(pauses.map((client) => client.end().catch(() => {})));
    await admin.close();
  }
};

/**
 * Every service that writes to it or reads it is told what is right from now on: an instance that starts compares
 * (libs/eventing/src/partition-counts.ts).
 */
async function agreed(shop: OperatedShop, topic: Topic, count: number, say: (line: string) => void): Promise<0> {
  const concerned = messagingServices.filter((service) => shop.databases[service] && topicsOf(service).includes(topic));
  for (const service of concerned) await inDatabase(shop, service, (database) => agreeOnCount(database, topic, count));
  say(`${concerned.join(', ')}: agreed on ${count} partitions of ${topic}`);
  return 0;
}

/** Holds the right to publish alone: from then on no relay of the service has anything in flight. */
async function paused({ databases }: OperatedShop, service: (typeof messagingServices)[number]): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: databases[service].ownerUrl,
    application_name: 'operator',
    connectionTimeoutMillis: 5_000,
    options: `-c lock_timeout=${PAUSED_WITHIN_MS}`,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('SELECT pg_advisory_lock($1, 0)', [PAUSE_LOCK]);
    return client;
  } catch (error) {
    await client.end().catch(() => {});
    throw new Obstacle(
      `The relays of ${service} could not be paused (${(error as Error).message}). Does every instance run this version?`,
    );
  }
}

const countOf = async (admin: Admin, topic: Topic) =>
  (await admin.metadata({ topics: [topic], forceUpdate: true })).topics.get(topic)?.partitionsCount ?? 0;

async function untilRead(admin: Admin, topic: Topic, patience: number): Promise<void> {
  for (const until = performance.now() + patience; ; await sleep(200)) {
    const left = await unread(admin, topic);
    if (left.length === 0) return;
    if (performance.now() > until)
      throw new Obstacle(
        `${left.join(', ')} did not read ${topic} to its end within ${patience / 1_000} s: nothing was changed.`,
      );
  }
}

/** Groups that have not committed the end of each partition. */
async function unread(admin: Admin, topic: Topic): Promise<string[]> {
  const partitions = Array.from({ length: await countOf(admin, topic) }, (_, partitionIndex) => ({
    partitionIndex,
    timestamp: ListOffsetTimestamps.LATEST,
  }));
  const ends = (await admin.listOffsets({ topics: [{ name: topic, partitions }] })).flatMap((one) => one.partitions);
  const groups = Object.entries(consumers).flatMap(([group, read]) =>
    (read as readonly Topic[]).includes(topic) ? [group] : [],
  );
  const told = await admin.listConsumerGroupOffsets({ groups });
  return told.flatMap(({ groupId, topics: of }) => {
    const committed = new Map(
      of.find((one) => one.name === topic)?.partitions.map((one) => [one.partitionIndex, one.committedOffset]),
    );
    return ends.every(({ partitionIndex, offset }) => offset === 0n || (committed.get(partitionIndex) ?? -1n) >= offset)
      ? []
      : [groupId];
  });
}

function asTopic(name: string | undefined): Topic {
  if (name !== undefined && name in topics) return name as Topic;
  throw new Obstacle(`Which topic? ${Object.keys(topics).join(', ')}.`);
}

function asCount(text: string | undefined): number {
  if (text !== undefined && /^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new Obstacle('How many partitions? A number.');
}
