import { Admin, ListOffsetTimestamps } from '@platformatic/kafka';
import { putBackStock } from '@shop/catalog';
import { cloudEvent, consumers, storeTopic, type CloudEvent, type Topic } from '@shop/contracts';
import {
  audited,
  beginEpoch,
  forgetPublished,
  leaveInLog,
  markOf,
  newestOn,
  PostgresOutbox,
  readTopic,
  restored,
  sentenceOfRestored,
  standingOf,
  type StoreMark,
} from '@shop/eventing';
import { putBackOrders } from '@shop/orders';
import { HttpPaymentProvider, putBackPayments } from '@shop/payments';
import type { Database } from '@shop/platform';
import { givenSecurity, ownSecurity } from '../kafka-security.ts';
import { Obstacle } from '../state.ts';
import { consumerNames, nothingMore, type Command } from './arguments.ts';
import {
  inDatabase,
  messagingServices,
  operator,
  serviceOf,
  type MessagingService,
  type OperatedShop,
} from './operated-shop.ts';

/**
 * How much further back than its last mark a restored database may have lacked: whatever its consumers were behind, or
 * its relay.
 */
const MARGIN_MS = 86_400_000;

/** What one service lacks, of what is on the bus. */
interface Work {
  readonly shop: OperatedShop;
  readonly database: Database;
  readonly read: (topic: Topic) => Promise<CloudEvent[]>;
  readonly dryRun: boolean;
}

interface Found {
  /** What was put back, or would be, in words. */
  readonly what: string;
  readonly lacking: readonly { readonly id: string; readonly reason: string }[];
}

const putBack: Readonly<Record<MessagingService, (work: Work) => Promise<Found>>> = {
  async orders({ database, read, dryRun }) {
    const { orders, events, lacking } = await putBackOrders(database, await outboxOf(database), {
      facts: await read('orders.events'),
      requests: await read('payments.commands'),
      dryRun,
    });
    return { what: `${orders} orders with ${events} events`, lacking };
  },
  async catalog({ database, read, dryRun }) {
    const [facts, commands, products] = [
      await read('catalog.stock'),
      await read('catalog.commands'),
      await read('catalog.products'),
    ];
    const found = await putBackStock(database, { facts, commands, products, dryRun });
    return { what: `${found.reservations} reservations and ${found.products} products`, lacking: found.lacking };
  },
  async payments({ shop, database, read, dryRun }) {
    const provider = new HttpPaymentProvider({ url: shop.urls?.provider ?? '', key: shop.providerKey ?? '' });
    try {
      const { fromTopic, fromLedger, lacking } = await putBackPayments(database, provider, {
        facts: await read('payments.events'),
        outbox: await outboxOf(database),
        dryRun,
      });
      return { what: `${fromTopic} payments, and ${fromLedger} by the provider's ledger`, lacking };
    } finally {
      await provider.close();
    }
  },
  // What it had made of messages it makes of them again; a mail that is sent twice bears the same Message-ID.
  notifications: async () => ({ what: 'nothing: its messages are made anew from what it reads again', lacking: [] }),
};

/** What is in no message, and so cannot be put back for anybody. */
const neverPublished: Readonly<Record<MessagingService, string>> = {
  orders:
    'answers kept under Idempotency-Keys since then (a repeat of such a request places another order), and discounts as text',
  catalog: 'deliveries that came in, new products, and descriptions that were changed',
  payments: 'nothing: what was not published, the ledger has',
  notifications: 'which mails were given up',
};

/**
 * Puts back what a database lacks that was put back to an older state, has its consumers read again what they had read
 * since, and begins another epoch, on which the service starts. Says only what it would do until it is told to.
 * Whatever it does can be done again.
 */
export const reconcile: Command = async (options, [name, ...rest], { shop, say }) => {
  nothingMore(rest);
  const service = messagingServices.find((each) => each === name);
  if (!service || !options['after-restore'])
    throw new Obstacle(`Of which service, and why? reconcile <${messagingServices.join('|')}> --after-restore.`);
  const { brokers } = shop();
  if (brokers === undefined)
    throw new Obstacle('This shop runs without Kafka: nothing is kept that could be put back.');
  return inDatabase(shop(), service, async (database) => {
    const last = await lastMark(brokers, service);
    const store = await standingOf(database);
    const why = restored(store, last);
    if (!why || !last) {
      say(
        `${service}: the database is as far as the bus knows${store ? ` (mark ${store.mark}, epoch ${store.epoch})` : ''}: there is nothing to put back`,
      );
      return 0;
    }
    const here = store ?? { epoch: 'none', mark: 0, at: new Date(0).toISOString(), follows: [] };
    say(sentenceOfRestored(service, why, here, last).split(' Nothing is served')[0] ?? '');
    const since = sinceOf(options.since, here.at);
    const dryRun = !options.accept;
    const ids = new Set<string>();
    const read = async (topic: Topic) => {
      const events = await eventsOn(brokers, topic, since);
      for (const { id } of events) ids.add(id);
      return events;
    };
    const found = await putBack[service]({ shop: shop(), database, read, dryRun });
    for (const topic of ownTopics[service]) await read(topic);
    const forgotten = await forgetPublished(database, ids, dryRun);
    say(
      `${dryRun ? 'would be put back' : 'put back'}: ${found.what}; ${forgotten} messages of the old outbox are on the bus already`,
    );
    for (const { id, reason } of found.lacking) say(`not whole: ${id}: ${reason}`);
    say(`in no message: ${neverPublished[service]}`);
    if (dryRun) {
      say(
        `Next: the same with --accept. Consumers of ${service} then read again what was written since ${new Date(since).toISOString()}; what they had done, their inbox knows.`,
      );
      return 0;
    }
    await audited(database, { operator: operator(), action: 'restore', consumer: 'store' }, async () => {
      await readAgain(brokers, service, since);
      const epoch = await beginEpoch(database, { last, restoredTo: here.at });
      say(`${service}: epoch ${epoch} has begun; start its instances`);
      return `${found.what}; ${found.lacking.length} not whole; epoch ${epoch}`;
    });
    say(next[service]);
    return 0;
  });
};

const next: Readonly<Record<MessagingService, string>> = {
  orders:
    'Next: when its consumers have caught up, "npm run events -- projection check orders", and look for BooksDiffer.',
  catalog:
    'Next: "npm run events -- announce products", so that copies have the state of now; count what is named above.',
  payments: 'Next: look for BooksDiffer for an hour: every order is compared with the ledger again.',
  notifications: 'Next: "npm run events -- mails list".',
};

/** What each service writes to, besides what is read to put things back. */
const ownTopics: Readonly<Record<MessagingService, readonly Topic[]>> = {
  orders: ['catalog.commands'],
  catalog: ['catalog.copies'],
  payments: [],
  notifications: [],
};

async function lastMark(brokers: string, service: MessagingService): Promise<StoreMark | undefined> {
  const log = { info: () => {}, warn: () => {}, error: () => {} };
  const newest = await newestOn(
    { brokers: brokers.split(','), clientId: 'operator', security: ownSecurity(), log },
    storeTopic(service),
  );
  return newest === undefined ? undefined : markOf(newest);
}

function sinceOf(text: string | undefined, at: string): number {
  const time = Date.parse(text ?? at);
  if (Number.isNaN(time)) throw new Obstacle(`--since is a time such as 2026-01-31T12:00:00Z, not "${text}".`);
  return text === undefined ? Math.max(0, time - MARGIN_MS) : time;
}

/** What can be read of it: a poison message says nothing of anybody. */
async function eventsOn(brokers: string, topic: Topic, since: number): Promise<CloudEvent[]> {
  return (await readTopic(brokers, topic, ownSecurity(), since)).flatMap(({ value }) => {
    try {
      return [cloudEvent.parse(JSON.parse(value ?? 'null'))];
    } catch {
      return [];
    }
  });
}

/** Sets the consumers of a service back to what was written since then. */
async function readAgain(brokers: string, service: MessagingService, since: number): Promise<void> {
  const admin = new Admin({
    ...givenSecurity(),
    clientId: 'operator',
    bootstrapBrokers: brokers.split(','),
    retries: 3,
    retryDelay: 200,
    timeout: 10_000,
  });
  try {
    for (const group of consumerNames.filter((one) => serviceOf(one) === service)) {
      const topics = await Promise.all(
        (consumers[group] as readonly Topic[]).map(async (name) => ({
          name,
          partitionOffsets: await placesOn(admin, name, since),
        })),
      );
      await admin.alterConsumerGroupOffsets({ groupId: group, topics }).catch((error: unknown) => {
        throw new Obstacle(
          `The place of ${group} could not be set back (${(error as Error).message}): stop all instances of ${service}, then do this again.`,
        );
      });
    }
  } finally {
    await admin.close();
  }
}

/** Of each partition the first message since then; its end, where nothing was written. */
async function placesOn(admin: Admin, name: Topic, since: number): Promise<{ partition: number; offset: bigint }[]> {
  const count = (await admin.metadata({ topics: [name], forceUpdate: true })).topics.get(name)?.partitionsCount ?? 0;
  const at = async (timestamp: bigint) => {
    const partitions = Array.from({ length: count }, (_, partitionIndex) => ({ partitionIndex, timestamp }));
    return new Map(
      (await admin.listOffsets({ topics: [{ name, partitions }] }))
        .flatMap((one) => one.partitions)
        .map(({ partitionIndex, offset }) => [partitionIndex, offset]),
    );
  };
  const [first, end] = [await at(BigInt(since)), await at(ListOffsetTimestamps.LATEST)];
  return [...end].map(([partition, offset]) => ({
    partition,
    offset: (first.get(partition) ?? -1n) < 0n ? offset : (first.get(partition) ?? 0n),
  }));
}

/** Left for the driver that runs: where there is a slot, the log is the outbox. */
async function outboxOf(database: Database): Promise<PostgresOutbox> {
  const slots = await database.query('SELECT 1 FROM outbox_slot');
  return slots.length > 0 ? new PostgresOutbox(() => {}, { leave: leaveInLog }) : new PostgresOutbox();
}
