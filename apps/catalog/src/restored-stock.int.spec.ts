import { randomUUIDv7 } from 'node:crypto';
import { commitStock, releaseStock, reserveStock, type CloudEvent } from '@shop/contracts';
import { event, seal, type Outgoing } from '@shop/eventing';
import { Database } from '@shop/platform';
import { freshDatabase } from '@shop/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { stockFixture } from './stock/stock.fixture.ts';
import { putBackStock } from './restored-stock.ts';

const { database: newer, product, send, stockOf } = await stockFixture();
const older = new Database((await freshDatabase('catalog')).url, { size: 4, application: 'spec' });
afterAll(() => older.close());

const commands: CloudEvent[] = [];
const say = async (outgoing: Outgoing) => {
  commands.push(JSON.parse(seal(outgoing).payload) as CloudEvent);
  await send(outgoing);
};
/** A product as the backup has it, with nothing sold yet. */
async function known(stock: number): Promise<string> {
  const id = await product(stock);
  await older.query(
    `INSERT INTO products (id, sku, name, description, price, currency, initial, free) SELECT $1, 'mug-' || $1::uuid, 'Mug', '', 100, 'EUR', $2::int, $2::int`,
    [id, stock],
  );
  return id;
}
const reserve = (orderId: string, productId: string, quantity: number) =>
  say(event(reserveStock, { key: orderId, data: { orderId, lines: [{ productId, quantity }] } }));
const put = async (dryRun = false) => {
  const facts = (
    await newer.query<{ payload: string }>(`SELECT payload FROM outbox WHERE topic = 'catalog.stock' ORDER BY id`)
  ).map(({ payload }) => JSON.parse(payload) as CloudEvent);
  return putBackStock(older, { facts, commands, products: [], dryRun });
};
const stockNow = async (id: string) =>
  (await older.query('SELECT free, reserved, sold FROM products WHERE id = $1', [id]))[0];

describe('reservations that a restored database lacks', () => {
  it('are put back, and the stock with them: reserved, sold and given back; twice changes nothing', async () => {
    const [mug, orders] = [await known(10), [1, 2, 3, 4].map(() => randomUUIDv7())];
    const [held = '', sold = '', back = '', short = ''] = orders;
    for (const id of [held, sold, back]) await reserve(id, mug, 2);
    await reserve(short, mug, 9);
    await say(event(commitStock, { key: sold, data: { orderId: sold } }));
    await say(event(releaseStock, { key: back, data: { orderId: back } }));
    expect(await put(true)).toEqual({ products: 0, reservations: 4, lacking: [] });
    expect(await stockNow(mug)).toEqual({ free: 10, reserved: 0, sold: 0 });
    expect(await put()).toEqual({ products: 0, reservations: 4, lacking: [] });
    expect(await stockNow(mug)).toEqual(await stockOf(mug));
    const states = (database: Database) =>
      database.query('SELECT order_id, status, version FROM reservations WHERE order_id = ANY ($1) ORDER BY order_id', [
        orders,
      ]);
    expect(await states(older)).toEqual(await states(newer));
    expect(await put()).toEqual({ products: 0, reservations: 0, lacking: [] });
  });

  it('suppose a delivery where more was reserved than there is, and say so', async () => {
    const [mug, order] = [await known(1), randomUUIDv7()];
    await newer.query('UPDATE products SET initial = initial + 5, free = free + 5 WHERE id = $1', [mug]);
    await reserve(order, mug, 4);
    expect((await put()).lacking).toEqual([
      { id: mug, reason: expect.stringContaining('3 more were reserved than there were') },
    ]);
    expect(await stockNow(mug)).toEqual({ free: 0, reserved: 4, sold: 0 });
  });
});
