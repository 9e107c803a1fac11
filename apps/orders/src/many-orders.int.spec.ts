import { randomUUIDv7 } from 'node:crypto';
import type { PlaceOrder } from '@shop/contracts';
import { EventStore, PostgresOutbox } from '@shop/eventing';
import { Database, NothingOn } from '@shop/platform';
import { freshDatabase } from '@shop/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { ManyOrders } from './many-orders.ts';
import { OrderReads } from './order-reads.ts';
import { Orders } from './orders.ts';
import { Prices } from './prices.ts';

const { url } = await freshDatabase('orders');
const database = new Database(url, { size: 4, application: 'spec' });
const store = new EventStore(database, new PostgresOutbox());
const orders = new Orders(store, new Prices(database), new OrderReads(database), new NothingOn());
const many = new ManyOrders(store);
const product = randomUUIDv7();
await database.query(
  `INSERT INTO products (id, name, price, currency, active, version) VALUES ($1, 'Mug', 1200, 'EUR', true, 1)`,
  [product],
);
afterAll(() => database.close());

const wish: PlaceOrder = { lines: [{ productId: product, quantity: 1 }], paymentToken: 'tok_visa' };
const place = async (customer: string) => (await orders.place(customer, randomUUIDv7(), wish)).view;

describe('several orders', () => {
  it('are read as each would be alone; of others, and of none, nothing is said', async () => {
    const [me, other] = [randomUUIDv7(), randomUUIDv7()];
    const [first, second, theirs] = [await place(me), await place(me), await place(other)];
    const cancelled = await orders.cancel(me, second.id);
    const found = await many.find(me, [second.id, theirs.id, first.id, randomUUIDv7()]);
    expect(new Map(found.map((each) => [each.id, each]))).toEqual(
      new Map([
        [first.id, first],
        [second.id, cancelled],
      ]),
    );
  });
});

describe('the states of an order', () => {
  it('are those after the version that was seen, none left out; without one, the present state', async () => {
    const me = randomUUIDv7();
    const { id: orderId } = await place(me);
    await orders.cancel(me, orderId);
    const states = async (after?: number) =>
      (await many.states(me, orderId, after)).map(({ at: _, ...state }) => state);
    const [placed, cancelled] = [
      { orderId, version: 1, status: 'placed' },
      { orderId, version: 2, status: 'cancelled', cancellation: 'customer' },
    ];
    expect(await Promise.all([states(0), states(1), states(2), states(9), states()])).toEqual([
      [placed, cancelled],
      [cancelled],
      [],
      [],
      [cancelled],
    ]);
  });

  it('are found by their customer only', async () => {
    const { id } = await place(randomUUIDv7());
    await expect(many.states(randomUUIDv7(), id)).rejects.toMatchObject({ kind: 'not-found', code: 'order-not-found' });
  });
});
