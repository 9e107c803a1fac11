import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { consumers, topics, type Topic } from '@shop/contracts';
import type { ServiceName } from '@shop/infra/environment';
import { clientOf } from '../checker/kafka.ts';
import { times, type Fault, type Findings } from './fault.ts';
import type { Site } from './site.ts';

const envelope = (subject: string, type: string, data: unknown, more: object = {}) =>
  JSON.stringify({
    specversion: '1.0',
    id: randomUUID(),
    source: '/poison',
    type,
    subject,
    time: new Date().toISOString(),
    data,
    ...more,
  });

/** A message that nobody can handle, of each kind; `type` is one that the topic's readers know. */
const kinds: Record<string, (key: string, type: string) => string | null> = {
  'bad schema': (key, type) => envelope(key, type, { orderId: 17 }),
  'wrong type': (key, type) => envelope(key, type, 'text instead of data'),
  huge: (key, type) => envelope(key, type, { orderId: 'x'.repeat(700_000) }),
  null: () => null,
  'not JSON': () => '{"specversion":',
};

/** Where it is put, with a type that every reader of the topic handles. */
const places: readonly (readonly [Topic, string])[] = [
  ['orders.events', 'orders.order-confirmed.v1'],
  ['catalog.commands', 'catalog.reserve-stock.v1'],
  ['catalog.stock', 'catalog.stock-reserved.v1'],
  ['payments.commands', 'payments.authorise-payment.v1'],
  ['payments.events', 'payments.payment-authorised.v1'],
];

export const poison: Fault = {
  id: 'F12',
  title: 'poison: bad schema, wrong type, huge, null, not JSON, in every topic',
  async strike({ site, quick }) {
    const producer = clientOf(site.shop.brokers ?? '').producer();
    await producer.connect();
    // About ten messages to an order, ten orders a second: one of each in a thousand.
    for (let n = 0; n < (quick ? 1 : 5); n++) {
      for (const [topic, type] of places) {
        for (const [kind, make] of Object.entries(kinds)) {
          const key = randomUUID();
          await site.accident(`${kind} on ${topic}`, async () => {
            const [where] = await producer.send({ topic, acks: -1, messages: [{ key, value: make(key, type) }] });
            site.poison.push(`${topic}:${where?.partition}:${where?.baseOffset}`);
            return true;
          });
          await sleep(quick ? 40 : 1_000);
        }
      }
    }
    await producer.disconnect();
    return { figures: { 'poison messages': site.poison.length }, broken: [] };
  },
  judge: ({ evidence }) => ({
    figures: {
      'dead letters': evidence.published.filter(({ topic }) => topic.endsWith('.dead-letters')).length,
      messages: evidence.published.filter(({ topic }) => topic in topics).length,
    },
    broken: [],
  }),
};

export const deliveredAgain: Fault = {
  id: 'F13',
  title: 'every topic is delivered again from its beginning, three times',
  // Whoever reads everything again is not late with what came long ago, but new orders wait behind it.
  bounds: { stalenessMs: 120_000 },
  async strike({ site, quick }): Promise<Findings> {
    await sleep(quick ? 4_000 : 20_000);
    await site.load?.stop(60_000);
    const moving = await site.quiet(120_000);
    if (moving !== undefined)
      return {
        figures: {},
        broken: [`the shop did not come to rest before its topics were delivered again: ${moving}`],
      };
    const before = await stateOf(site);
    const changed: string[] = [];
    for (const n of times(3)) {
      await redeliver(site);
      const still = await site.quiet(120_000);
      const after = await stateOf(site);
      changed.push(
        ...(still ? [`delivery ${n}: ${still}`] : []),
        ...Object.keys(before)
          .filter((table) => before[table] !== after[table])
          .map((table) => `delivery ${n} changed ${table}`),
      );
    }
    return { figures: { deliveries: 3 }, broken: changed };
  },
};

const readers: readonly ServiceName[] = ['catalog', 'orders', 'payments', 'notifications'];

/** Halts every reader, has the broker forget how far each group was, and starts them. */
async function redeliver(site: Site): Promise<void> {
  const everyInstance = (what: (service: ServiceName, instance: number) => Promise<void>) =>
    Promise.all(readers.flatMap((service) => [1, 2].map((instance) => what(service, instance))));
  await site.again('every topic is delivered again', async () => {
    await everyInstance((service, instance) => site.shop.halt(service, instance));
    // A group that nobody knows begins with the oldest message.
    await site.admin.deleteGroups(Object.keys(consumers));
    await everyInstance((service, instance) => site.shop.restart(service, instance));
  });
}

/** Everything that messages can change, as a hash of each table. */
async function stateOf(site: Site): Promise<Record<string, string>> {
  const tables = [
    ['orders', 'events', 'stream, version, id, type, data'],
    ['orders', 'order_list', '*'],
    ['orders', 'products', '*'],
    ['catalog', 'products', '*'],
    ['catalog', 'reservations', '*'],
    ['payments', 'payments', 'order_id, status, payment_id, amount, version'],
    ['notifications', 'messages', 'event_id, status, document'],
  ] as const;
  const hashes = await Promise.all(
    tables.map(async ([store, table, columns]) => {
      const rows = await site.stores.sql<{ row: string }>(
        store,
        `SELECT t::text AS row FROM (SELECT ${columns} FROM ${table}) AS t ORDER BY 1`,
      );
      return [
        `${store}.${table}`,
        createHash('sha256')
          .update(rows.map(({ row }) => row).join('\n'))
          .digest('hex'),
      ];
    }),
  );
  return Object.fromEntries(hashes) as Record<string, string>;
}
