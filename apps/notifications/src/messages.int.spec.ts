import { randomUUIDv7 } from 'node:crypto';
import { orderCancelled, orderConfirmed, orderStockReserved } from '@shop/contracts';
import { ConsumerRuntime, event, MemoryBus, PostgresOutbox, seal, type Outgoing } from '@shop/eventing';
import { Database } from '@shop/platform';
import { freshDatabase } from '@shop/testing';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Sender } from './delivery/sender.ts';
import { MailConsumer } from './mail.consumer.ts';
import { Messages } from './messages.ts';

const { url } = await freshDatabase('notifications');
const database = new Database(url, { size: 8, application: 'spec' });
const messages = new Messages(database);
/** Machines are slow at times; what comes, comes within ten seconds. */
const eventually = <T>(what: () => T) => expect.poll(what, { timeout: 10_000 });
let customerId: string;

beforeEach(() => {
  customerId = randomUUIDv7();
});
afterEach(() => database.query('DELETE FROM messages'));
afterAll(() => database.close());

describe('the consumer', () => {
  const orderId = randomUUIDv7();
  const bus = new MemoryBus();
  const log = { info: () => {}, warn: () => {}, error: () => {} };
  /** What the sender would have found in the queue when it was woken. */
  const found: number[] = [];
  const wake = () =>
    void database
      .query<{ count: string }>('SELECT count(*) FROM messages')
      .then(([row]) => found.push(Number(row?.count)));
  const consumer = new MailConsumer(messages, { wake } as unknown as Sender);
  const runtime = new ConsumerRuntime({ consumer, bus, database, outbox: new PostgresOutbox(), log });

  beforeAll(async () => {
    // Another group reads this topic, too; the bus waits for it.
    await bus.subscribe({ group: 'orders.list', topics: ['orders.events'], maxInFlight: 1, handle: async () => {} });
    await runtime.start();
  });
  afterAll(() => runtime.stop());

  async function send(message: Outgoing, times = 1): Promise<void> {
    const { topic, key, payload } = seal(message);
    for (let time = 0; time < times; time++) await bus.publish([{ topic, key, value: payload }]);
  }
  const about = () => ({ orderId, customerId });
  const documents = async () =>
    (await database.query<{ document: object }>('SELECT document FROM messages ORDER BY id')).map(
      (row) => row.document,
    );

  it('queues one message for an event, however often it comes', async () => {
    await send(
      event(orderConfirmed, { key: orderId, sequence: 4, data: { ...about(), total: 3998, currency: 'EUR' } }),
      3,
    );
    expect(await documents()).toEqual([
      { channel: 'mail', kind: 'order-confirmed', orderId, payload: { total: 3998, currency: 'EUR' } },
    ]);
  });

  it('tells why an order was cancelled', async () => {
    await send(
      event(orderCancelled, {
        key: orderId,
        sequence: 3,
        data: { ...about(), reason: 'out-of-stock', total: 3998, currency: 'EUR' },
      }),
    );
    expect(await documents()).toMatchObject([{ kind: 'order-cancelled', payload: { reason: 'out-of-stock' } }]);
  });

  it('has nothing to say about the steps between', async () => {
    await send(event(orderStockReserved, { key: orderId, sequence: 2, data: about() }));
    expect(await documents()).toEqual([]);
  });

  it('wakes the sender when the message is committed, and not before', async () => {
    found.length = 0;
    await send(
      event(orderConfirmed, { key: orderId, sequence: 4, data: { ...about(), total: 3998, currency: 'EUR' } }),
    );
    await eventually(() => found).toEqual([1]);
  });
});

describe('the list of messages', () => {
  const document = {
    channel: 'mail',
    kind: 'order-confirmed',
    orderId: randomUUIDv7(),
    payload: { total: 3998, currency: 'EUR' },
  } as const;
  const queue = (accountId: string) =>
    database.transaction((tx) => messages.add(tx, { eventId: randomUUIDv7(), accountId, document }));

  it('shows the newest first, page by page, and only what is yours', async () => {
    for (let n = 0; n < 5; n++) await queue(customerId);
    await queue(randomUUIDv7());
    const seen: string[] = [];
    for (let cursor: string | undefined, first = true; first || cursor !== undefined; first = false) {
      const page = await messages.page(customerId, { limit: 2, ...(cursor !== undefined && { cursor }) });
      seen.push(...page.items.map((item) => item.id));
      cursor = page.nextCursor;
    }
    expect(seen).toHaveLength(5);
    expect(seen).toEqual([...seen].sort().reverse());
  });

  it('refuses a cursor it did not make', async () => {
    await expect(messages.page(customerId, { limit: 2, cursor: 'bm9wZQ' })).rejects.toMatchObject({
      code: 'validation-failed',
      errors: [{ pointer: '/query/cursor' }],
    });
  });
});
