import { randomUUIDv7 } from 'node:crypto';
import { cloudEvent, ordersCheckpoint, type CloudEvent, type PlaceOrder } from '@shop/contracts';
import {
  ConsumerRuntime,
  event,
  EventStore,
  MemoryBus,
  PostgresOutbox,
  QueueRelay,
  Reconciler,
  seal,
  type BusMessage,
  type Delivery,
} from '@shop/eventing';
import { Database, NothingOn } from '@shop/platform';
import { freshDatabase } from '@shop/testing';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { OrderListConsumer } from './order-list.consumer.ts';
import { orderProcess } from './order-process.ts';
import { OrderReads } from './order-reads.ts';
import { Orders } from './orders.ts';
import { Prices } from './prices.ts';
import { ReconcilerConsumer, type Reconciliation } from './reconciliation.ts';

/** Longer than anything here takes, so that what is under way is not taken for lost on a busy machine. */
const graceMs = 2_000;
const log = { info: () => {}, warn: () => {}, error: () => {} };

/** A bus that loses what it is told to, once. */
class LosingBus extends MemoryBus {
  readonly toLose: ((message: CloudEvent) => boolean)[] = [];

  override publish(messages: readonly BusMessage[]): Promise<void> {
    return super.publish(messages.filter(({ value }) => !this.#loses(cloudEvent.parse(JSON.parse(value)))));
  }

  #loses(message: CloudEvent): boolean {
    const found = this.toLose.findIndex((lose) => lose(message));
    if (found >= 0) this.toLose.splice(found, 1);
    return found >= 0;
  }
}

const { url } = await freshDatabase('orders');
const database = new Database(url, { size: 16, application: 'spec' });
const bus = new LosingBus();
const relay = new QueueRelay({ connectionString: url, bus, log });
const outbox = new PostgresOutbox(() => relay.wake());
const store = new EventStore(database, outbox);
const orders = new Orders(store, new Prices(database), new OrderReads(database), new NothingOn());
const reconciler = new Reconciler({ database, store, outbox, process: orderProcess, graceMs });

const mailed: string[] = [];
const elsewhere = async ({ value = '' }: Delivery) => void mailed.push((JSON.parse(value) as CloudEvent).id);
const others = await Promise.all(
  [
    ['notifications.mail', 'orders.events'],
    ['catalog.stock', 'catalog.commands'],
    ['payments.commands', 'payments.commands'],
  ].map(([group = '', topic = '']) => bus.subscribe({ group, topics: [topic], maxInFlight: 99, handle: elsewhere })),
);
const options = { bus, database, outbox, log, attempts: 1, unparkEveryMs: 50, checkpointEveryMs: 100 };
const list = new ConsumerRuntime({ ...options, consumer: new OrderListConsumer() });
const notes = new ConsumerRuntime({
  ...options,
  consumer: new ReconcilerConsumer({ reconciler } as unknown as Reconciliation),
});
await Promise.all([list.start(), notes.start()]);
relay.start();
afterAll(async () => {
  await list.stop();
  await notes.stop();
  await Promise.all(others.map((other) => other.close()));
  await relay.stop();
  await database.close();
});

const product = randomUUIDv7();
await database.query(
  `INSERT INTO products (id, name, price, currency, active, version) VALUES ($1, 'Mug', 1200, 'EUR', true, 1)`,
  [product],
);
const one: PlaceOrder = { lines: [{ productId: product, quantity: 1 }], paymentToken: 'tok_visa' };

const soon = (condition: () => Promise<void>) => vi.waitFor(condition, { timeout: 25_000, interval: 50 });
const listed = async (id: string) =>
  (await database.query<{ version: number }>('SELECT version FROM order_list WHERE id = $1', [id]))[0]?.version;
const sentAgain = () =>
  database.query<{ stream: string; version: number; times: number }>(
    'SELECT stream, version, times FROM reemissions ORDER BY stream, version',
  );
/** Until everything up to now has been compared; what was found missing on the way. */
async function compared(): Promise<string[]> {
  const [found, until] = [[] as string[], Date.now()];
  await soon(async () => {
    found.push(
      ...(await reconciler.reconcile()).map(({ consumer, stream, version }) => `${consumer} ${stream} #${version}`),
    );
    const [row] = await database.query<{ done: boolean }>(
      'SELECT bool_and(compared_to > $1) AS done FROM checkpoint_readers',
      [new Date(until).toISOString()],
    );
    expect(row?.done).toBe(true);
  });
  return found;
}
async function cancelled(customer = randomUUIDv7()): Promise<string> {
  const { view } = await orders.place(customer, randomUUIDv7(), one);
  await orders.cancel(customer, view.id);
  return view.id;
}

beforeEach(async () => {
  await database.query('DELETE FROM reemissions');
  await soon(async () => expect(await database.query('SELECT 1 FROM checkpoint_readers')).toHaveLength(1));
});

describe('events of orders that all arrive', () => {
  it('are never sent again', async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, () => cancelled()));
    for (const id of ids) await soon(async () => expect(await listed(id)).toBe(2));
    expect(await compared()).toEqual([]);
    expect(await sentAgain()).toEqual([]);
    expect(list.counts.duplicate).toBe(0);
  });
});

describe('a reader whose clock runs ahead', () => {
  it('has nothing sent again that it cannot have seen yet', async () => {
    const inAnHour = new Date(Date.now() + 3_600_000).toISOString();
    await database.transaction((tx) => reconciler.note(tx, { consumer: 'ahead', current: true, seen: [] }, inAnHour));
    const [row] = await database.query<{ late: boolean }>(
      `SELECT current_at <= now() AND since <= now() AS late FROM checkpoint_readers WHERE consumer = 'ahead'`,
    );
    await database.query(`DELETE FROM checkpoint_readers WHERE consumer = 'ahead'`);
    expect(row).toEqual({ late: true });
  });
});

describe('an event that is lost on its way', () => {
  it('is found missing and sent again, once, as the message it was; what waits for it goes on in order', async () => {
    bus.toLose.push(
      ({ type, sequence }) => type === 'orders.order-placed.v1' && sequence === '1',
      ({ type }) => type === 'orders.order-cancelled.v1',
    );
    const first = await cancelled();
    const last = await cancelled();
    await soon(async () => expect(bus.toLose).toEqual([]));
    const missing = (await compared()).sort();

    const lost = await sentAgain();
    expect(lost.map(({ times }) => times)).toEqual([1, 1]);
    expect(missing).toEqual(lost.map(({ stream, version }) => `orders.list ${stream} #${version}`).sort());
    for (const id of [first, last]) await soon(async () => expect(await listed(id)).toBe(2));
    const ids = await database.query<{ id: string }>('SELECT id FROM events WHERE stream = ANY($1)', [[first, last]]);
    for (const { id } of ids) expect(mailed).toContain(id);
    const [row] = await database.query<{ same: boolean }>(
      'SELECT bool_and(l.placed_at = e.recorded_at) AS same FROM order_list l JOIN events e ON e.stream = l.id AND e.version = 1',
    );
    expect(row?.same).toBe(true);
  });
});

describe('a reader that lost very many', () => {
  const reader = 'spec.mails';
  const say = (data: object) =>
    database.transaction((tx) =>
      reconciler.note(
        tx,
        { consumer: reader, current: true, seen: [], ...data },
        new Date(Date.now() + 60_000).toISOString(),
      ),
    );
  /** Events that are old enough to be missing, of a time that no other reader is compared for. */
  async function old(count: number): Promise<string[]> {
    const ids = Array.from({ length: count }, () => randomUUIDv7());
    await database.query(
      `INSERT INTO events (stream, version, id, type, data, recorded_at) SELECT id, 1, id, 'OrderPlaced', $2::jsonb || jsonb_build_object('orderId', id), now() - interval '20 minutes' FROM unnest($1::uuid[]) AS t(id)`,
      [
        ids,
        JSON.stringify({
          customerId: randomUUIDv7(),
          lines: [{ productId: product, name: 'Mug', quantity: 1, unitPrice: 1200 }],
          total: { amount: 1200, currency: 'EUR' },
          paymentToken: 'tok_visa',
        }),
      ],
    );
    await database.query(
      `INSERT INTO checkpoint_readers (consumer, since, compared_to, current_at) VALUES ($1, now() - interval '25 minutes', now() - interval '25 minutes', now()) ON CONFLICT ON CONSTRAINT checkpoint_readers_pkey DO UPDATE SET since = excluded.since, compared_to = excluded.compared_to, current_at = excluded.current_at`,
      [reader],
    );
    return ids;
  }
  const mine = async () =>
    (await reconciler.reconcile()).filter(({ consumer }) => consumer === reader).map(({ stream }) => stream);
  afterEach(async () => {
    await database.query('DELETE FROM checkpoint_readers WHERE consumer = $1', [reader]);
    await database.query(`DELETE FROM events WHERE recorded_at < now() - interval '10 minutes'`);
    await database.query('DELETE FROM reemissions WHERE consumer = $1', [reader]);
    await database.query('DELETE FROM outbox_held');
  });

  it('gets all of them at once, each once: what is under way to it is not picked again', async () => {
    const ids = await old(350);
    expect((await mine()).sort()).toEqual(ids.sort());
    expect(await mine()).toEqual([]);
    // Nothing has been heard of them yet, so their time has not been compared.
    const [row] = await database.query<{ open: boolean }>(
      `SELECT compared_to < now() - interval '20 minutes' AS open FROM checkpoint_readers WHERE consumer = $1`,
      [reader],
    );
    expect(row?.open).toBe(true);
  });

  it('is not sent what its producer still holds for a destination', async () => {
    const [held = '', lost = ''] = await old(2);
    await database.query(
      `INSERT INTO outbox_held (shard, id, topic, key, payload, created_at, behind) VALUES (0, 1, 'orders.events', $1, '{}', now() - interval '19 minutes', 'orders.events:3')`,
      [held],
    );
    expect(await mine()).toEqual([lost]);
  });

  it('is sent nothing that its inbox has: whoever was killed before it could say so has handled it all the same', async () => {
    const [handled = '', told = '', lost = ''] = await old(3);
    await database.query('INSERT INTO inbox (consumer, message_id) VALUES ($1, $2)', [reader, handled]);
    await say({ ids: [told] });
    expect(await mine()).toEqual([lost]);
  });
});

describe('what readers have said', () => {
  it('is forgotten once it has been compared, also beside a reader that never speaks again', async () => {
    const [spoken, retired] = [randomUUIDv7(), randomUUIDv7()];
    await database.query(
      `INSERT INTO checkpoint_readers (consumer, since, compared_to) VALUES ('spec.retired', now() - interval '9 days', now() - interval '9 days') ON CONFLICT DO NOTHING`,
    );
    await database.query(
      `INSERT INTO checkpoints (consumer, stream, versions, noted_at)
       VALUES ('orders.list', $1, '{[1,2)}', now() - interval '1 hour'), ('spec.retired', $2, '{[1,2)}', now() - interval '1 hour')`,
      [spoken, retired],
    );
    await database.query(
      `UPDATE checkpoint_readers SET compared_to = greatest(compared_to, now()) WHERE consumer = 'orders.list'`,
    );
    await reconciler.reconcile();
    const left = await database.query<{ stream: string }>('SELECT stream FROM checkpoints WHERE stream = ANY ($1)', [
      [spoken, retired],
    ]);
    expect(left.map(({ stream }) => stream)).toEqual([retired]);
    await database.query(`DELETE FROM checkpoint_readers WHERE consumer = 'spec.retired'`);
  });
});

describe('what only seems to be missing', () => {
  const say = (current: boolean) => {
    const { payload } = seal(
      event(ordersCheckpoint, { key: 'orders.other', data: { consumer: 'orders.other', current, seen: [] } }),
    );
    return bus.publish([{ topic: 'orders.checkpoints', key: 'orders.other', value: payload }]);
  };

  it('is not sent again while its reader is behind, or while the outbox is', async () => {
    await say(true);
    await cancelled();
    await new Promise((resolve) => setTimeout(resolve, graceMs + 200));
    await say(false);
    await say(true);
    expect(await reconciler.reconcile()).toEqual([]);

    await database.query(`UPDATE checkpoint_readers SET behind_at = NULL WHERE consumer = 'orders.other'`);
    await relay.stop();
    await database.query(
      `INSERT INTO outbox (shard, topic, key, payload, created_at) VALUES (0, 'orders.events', 'k', '{}', now() - interval '1 hour')`,
    );
    expect(await reconciler.reconcile()).toEqual([]);
    await database.query('DELETE FROM outbox');
    expect(await reconciler.reconcile()).toHaveLength(2);
  });
});
