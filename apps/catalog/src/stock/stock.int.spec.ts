import { randomUUIDv7 } from 'node:crypto';
import type { Outgoing } from '@shop/eventing';
import { constraintOf } from '@shop/platform';
import { beforeEach, describe, expect, it } from 'vitest';
import { commit, release, reserve, stockFixture } from './stock.fixture.ts';

const { database, dead, answers, said, product, stockOf, send } = await stockFixture();

let order: string;
beforeEach(() => void (order = randomUUIDv7()));

describe('stock', () => {
  it('is set aside for an order, and sold when the order is confirmed', async () => {
    const [mug, bowl] = [await product(5), await product(1)];
    await send(
      reserve(order, [
        { productId: mug, quantity: 2 },
        { productId: bowl, quantity: 1 },
      ]),
    );
    expect([await stockOf(mug), await stockOf(bowl)]).toEqual([
      { free: 3, reserved: 2, sold: 0 },
      { free: 0, reserved: 1, sold: 0 },
    ]);
    await send(commit(order));
    expect([await stockOf(mug), await stockOf(bowl)]).toEqual([
      { free: 3, reserved: 0, sold: 2 },
      { free: 0, reserved: 0, sold: 1 },
    ]);
    expect(await said(order)).toEqual(['1 stock-reserved', '2 stock-committed']);
  });

  it('goes back when the order is given up', async () => {
    const mug = await product(5);
    await send(reserve(order, [{ productId: mug, quantity: 5 }]));
    await send(release(order));
    expect(await stockOf(mug)).toEqual({ free: 5, reserved: 0, sold: 0 });
    expect(await said(order)).toEqual(['1 stock-reserved', '2 stock-released']);
  });

  it('is refused as a whole, with every line that is short', async () => {
    const [mug, bowl, offSale, unknown] = [await product(5), await product(1), await product(9, false), randomUUIDv7()];
    await send(
      reserve(
        order,
        [mug, bowl, offSale, unknown].map((productId) => ({ productId, quantity: 2 })),
      ),
    );
    const [answer] = await answers(order);
    expect(await said(order)).toEqual(['1 stock-refused']);
    expect(new Set(answer?.data.shortages)).toEqual(
      new Set([
        { productId: bowl, requested: 2, available: 1 },
        { productId: offSale, requested: 2, available: 0 },
        { productId: unknown, requested: 2, available: 0 },
      ]),
    );
    expect([await stockOf(mug), await stockOf(bowl)]).toEqual([
      { free: 5, reserved: 0, sold: 0 },
      { free: 1, reserved: 0, sold: 0 },
    ]);
  });

  it('adds up lines of the same product before it decides', async () => {
    const mug = await product(3);
    await send(
      reserve(order, [
        { productId: mug, quantity: 2 },
        { productId: mug, quantity: 2 },
      ]),
    );
    expect(await said(order)).toEqual(['1 stock-refused']);
  });

  it('answers the release of a refused order, which gives nothing back', async () => {
    const mug = await product(1);
    await send(reserve(order, [{ productId: mug, quantity: 2 }]));
    await send(release(order));
    expect(await stockOf(mug)).toEqual({ free: 1, reserved: 0, sold: 0 });
    expect(await said(order)).toEqual(['1 stock-refused', '2 stock-released']);
  });
});

describe('said again', () => {
  it.each([
    ['the same message', (message: Outgoing) => send(message, 3), []],
    [
      'another message that asks for the same',
      async (message: Outgoing) => void (await send(message), await send(message)),
      ['again'],
    ],
  ])('%s moves stock once; who asks once more is told once more', async (_what, repeat, again) => {
    const mug = await product(5);
    await repeat(reserve(order, [{ productId: mug, quantity: 2 }]));
    expect(await stockOf(mug)).toEqual({ free: 3, reserved: 2, sold: 0 });
    await repeat(commit(order));
    expect(await stockOf(mug)).toEqual({ free: 3, reserved: 0, sold: 2 });
    const other = randomUUIDv7();
    await send(reserve(other, [{ productId: mug, quantity: 1 }]));
    await repeat(release(other));
    expect(await stockOf(mug)).toEqual({ free: 3, reserved: 0, sold: 2 });
    const told = (what: string, number: number) => [
      `${number} stock-${what}`,
      ...again.map((word) => `${word} stock-${what}`),
    ];
    expect(await said(order)).toEqual([...told('reserved', 1), ...told('committed', 2)]);
    expect(await said(other)).toEqual(['1 stock-reserved', ...told('released', 2)]);
    expect(dead).toEqual([]);
  });

  it('what was refused stays refused, also where everything is to be had by now', async () => {
    const [mug, bowl] = [await product(1), await product(9)];
    const wanted = [
      { productId: mug, quantity: 2 },
      { productId: bowl, quantity: 1 },
    ];
    const shortages = async () => (await answers(order)).at(-1)?.data.shortages;
    await send(reserve(order, wanted));
    const first = await shortages();
    await send(reserve(order, wanted));
    expect(await shortages()).toEqual(first);
    await database.query('UPDATE products SET free = 5, initial = 5 WHERE id = $1', [mug]);
    await send(reserve(order, wanted));
    expect(await said(order)).toEqual(['1 stock-refused', 'again stock-refused', 'again stock-refused']);
    expect(await shortages()).toHaveLength(2);
    expect(await stockOf(mug)).toEqual({ free: 5, reserved: 0, sold: 0 });
  });
});

describe('out of turn', () => {
  it('a release that comes first keeps the reservation behind it from holding anything', async () => {
    const mug = await product(5);
    await send(release(order));
    await send(reserve(order, [{ productId: mug, quantity: 2 }]));
    expect(await stockOf(mug)).toEqual({ free: 5, reserved: 0, sold: 0 });
    expect(await said(order)).toEqual(['1 stock-released', 'again stock-released']);
  });

  it.each([
    ['the sale of stock that was given back', [release, commit], 'is released: it cannot be committed'],
    ['a release of stock that is sold', [commit, release], 'is committed: it cannot be released'],
  ])('%s is put before a person', async (_what, steps, reason) => {
    const mug = await product(5);
    await send(reserve(order, [{ productId: mug, quantity: 2 }]));
    for (const step of steps) await send(step(order));
    expect(dead).toEqual([expect.stringContaining(reason)]);
    expect(await said(order)).toHaveLength(2);
  });

  it('so is the sale of stock that was never set aside', async () => {
    await send(commit(order));
    expect(dead).toEqual([expect.stringContaining('is not reserved: it cannot be committed')]);
  });
});

describe('the table', () => {
  it.each([
    ['stock from nowhere', 'free = free + 1', 'products_stock'],
    ['stock below nothing', 'free = free - 2, reserved = reserved + 2', 'products_free'],
    ['a negative price', 'price = -1', 'products_price'],
  ])('refuses %s', async (_what, change, constraint) => {
    const id = await product(1);
    const refused = await database
      .query(`UPDATE products SET ${change} WHERE id = $1`, [id])
      .catch((error: unknown) => constraintOf(error));
    expect(refused).toBe(constraint);
  });
});
