import { randomUUIDv7 } from 'node:crypto';
import type { CloudEvent, PlaceOrder, Topic } from '@shop/contracts';
import { EventStore, PostgresOutbox } from '@shop/eventing';
import { Database, NothingOn } from '@shop/platform';
import { freshDatabase } from '@shop/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { orderUpcasters } from './domain/upcasters.ts';
import { OrderReads } from './order-reads.ts';
import { Orders } from './orders.ts';
import { Prices } from './prices.ts';
import { putBackOrders } from './restored-orders.ts';

/** One database that everything happened in, and one that was restored from before. */
const [then, now] = [await freshDatabase('orders'), await freshDatabase('orders')];
const [older, newer] = [
  new Database(then.url, { size: 4, application: 'spec' }),
  new Database(now.url, { size: 4, application: 'spec' }),
];
const orders = new Orders(
  new EventStore(newer, new PostgresOutbox(), orderUpcasters),
  new Prices(newer),
  new OrderReads(newer),
  new NothingOn(),
);
const product = randomUUIDv7();
await newer.query(
  `INSERT INTO products (id, name, price, currency, active, version) VALUES ($1, 'Mug', 1200, 'EUR', true, 1)`,
  [product],
);
afterAll(() => Promise.all([older.close(), newer.close()]));

const body: PlaceOrder = { lines: [{ productId: product, quantity: 2 }], paymentToken: 'tok_visa' };
const [customer, noInbox] = [randomUUIDv7(), (id: string) => ({ consumer: 'orders.saga', messageId: id }) as const];
const place = async () => (await orders.place(customer, randomUUIDv7(), body)).view.id;
const reserved = (id: string) => orders.note(id, { type: 'NoteStockReserved' }, noInbox(randomUUIDv7()));
const paid = (id: string) =>
  orders.note(id, { type: 'NotePaymentAuthorised', paymentId: 'p' }, noInbox(randomUUIDv7()));
/** What was published: all that was ever left in the outbox. */
const published = async (topic: Topic) =>
  (await newer.query<{ payload: string }>('SELECT payload FROM outbox WHERE topic = $1 ORDER BY id', [topic])).map(
    ({ payload }) => JSON.parse(payload) as CloudEvent,
  );
const eventsOf = (database: Database, id: string) =>
  database.query(
    'SELECT version, id, type, schema_version, data, recorded_at FROM events WHERE stream = $1 ORDER BY version',
    [id],
  );
const put = async (dryRun = false, lost: readonly string[] = []) => {
  const facts = (await published('orders.events')).filter(
    ({ subject, sequence }) => !lost.includes(`${subject} ${sequence}`),
  );
  return putBackOrders(older, new PostgresOutbox(), { facts, requests: await published('payments.commands'), dryRun });
};

describe('orders that a restored database lacks', () => {
  it('are put back from what was published, as they were, and ask again for what they wait for; twice changes nothing', async () => {
    const [confirmed, reservedOnly] = [await place(), await place()];
    await reserved(confirmed);
    await paid(confirmed);
    await reserved(reservedOnly);
    expect(await put(true)).toEqual({ orders: 2, events: 6, lacking: [] });
    expect(await eventsOf(older, confirmed)).toEqual([]);
    expect(await put()).toEqual({ orders: 2, events: 6, lacking: [] });
    for (const id of [confirmed, reservedOnly]) expect(await eventsOf(older, id)).toEqual(await eventsOf(newer, id));
    expect(await older.query('SELECT awaited FROM deadlines WHERE stream = $1', [confirmed])).toEqual([
      { awaited: ['commit-stock', 'capture-payment'] },
    ]);
    expect(await older.query('SELECT awaited FROM deadlines WHERE stream = $1', [reservedOnly])).toEqual([
      { awaited: ['authorise-payment'] },
    ]);
    expect(await older.query('SELECT 1 FROM outbox')).toEqual([]);
    expect(await put()).toEqual({ orders: 0, events: 0, lacking: [] });
  });

  it('go on from what the database has of them', async () => {
    const id = await place();
    const [first] = await newer.query<{ id: string; type: string; form: number; data: object; at: Date }>(
      'SELECT id, type, schema_version AS form, data, recorded_at AS at FROM events WHERE stream = $1',
      [id],
    );
    const values = [id, first?.id, first?.type, first?.form, JSON.stringify(first?.data), first?.at];
    await older.query(
      'INSERT INTO events (stream, version, id, type, schema_version, data, recorded_at) VALUES ($1, 1, $2, $3, $4, $5, $6)',
      values,
    );
    await reserved(id);
    await paid(id);
    expect(await put()).toMatchObject({ orders: 1, events: 3, lacking: [] });
    expect(await eventsOf(older, id)).toEqual(await eventsOf(newer, id));
  });

  it('are cancelled where nobody can pay them any more, and named', async () => {
    const id = await place();
    expect((await put()).lacking).toEqual([
      { id, reason: expect.stringContaining('the token of its card is in no message') },
    ]);
    expect((await eventsOf(older, id)).map(({ type }) => type)).toEqual(['OrderPlaced', 'OrderCancelled']);
    expect(
      (await older.query<{ topic: string }>('SELECT topic FROM outbox WHERE key = $1 ORDER BY id', [id])).map(
        ({ topic }) => topic,
      ),
    ).toEqual(['orders.events', 'catalog.commands', 'payments.commands']);
  });

  it('are named, and left alone, where what was published has a gap', async () => {
    const id = await place();
    await reserved(id);
    await paid(id);
    expect((await put(false, [`${id} 2`])).lacking).toEqual([{ id, reason: expect.stringContaining('without a gap') }]);
    expect(await eventsOf(older, id)).toEqual([]);
  });
});
