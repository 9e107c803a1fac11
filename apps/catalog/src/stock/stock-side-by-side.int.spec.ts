import { randomUUIDv7 } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commit, release, reserve, stockFixture } from './stock.fixture.ts';

const { database, runtime, answers, said, product, stockOf, send } = await stockFixture();

describe('many at once', () => {
  it('fifty orders for the last ten get exactly ten', async () => {
    const mug = await product(10);
    const orders = Array.from({ length: 50 }, () => randomUUIDv7());
    await Promise.all(orders.map((id) => send(reserve(id, [{ productId: mug, quantity: 1 }]))));
    const all = (await Promise.all(orders.map((id) => said(id)))).flat();
    expect([
      all.filter((one) => one === '1 stock-reserved').length,
      all.filter((one) => one === '1 stock-refused').length,
    ]).toEqual([10, 40]);
    expect(await stockOf(mug)).toEqual({ free: 0, reserved: 10, sold: 0 });
  });

  it('orders that want the same products in every order of lines never lock each other out', async () => {
    const products = await Promise.all(Array.from({ length: 6 }, () => product(1_000)));
    const orders = Array.from({ length: 60 }, () => randomUUIDv7());
    const before = { ...runtime.counts };
    await Promise.all(
      orders.map(async (id, n) => {
        const rotated = [...products.slice(n % 6), ...products.slice(0, n % 6)];
        await send(
          reserve(
            id,
            (n % 2 ? rotated : rotated.reverse()).map((productId) => ({ productId, quantity: 1 })),
          ),
        );
        await send(n % 3 ? release(id) : commit(id));
      }),
    );
    const [locks] = await database.query<{ deadlocks: string }>(
      'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()',
    );
    expect(locks).toEqual({ deadlocks: '0' });
    expect(runtime.counts).toEqual({ ...before, handled: before.handled + 120 });
    expect(await Promise.all(products.map(stockOf))).toEqual(
      products.map(() => ({ free: 980, reserved: 0, sold: 20 })),
    );
  });
});

describe('whatever orders say, in whatever order', () => {
  const line = fc.record({ product: fc.nat({ max: 2 }), quantity: fc.integer({ min: 1, max: 4 }) });
  const step = fc.record({
    what: fc.constantFrom('reserve', 'reserve', 'release', 'commit'),
    order: fc.nat({ max: 3 }),
    lines: fc.uniqueArray(line, { minLength: 1, selector: ({ product }) => product }),
  });

  it('free + reserved + sold stays what there was, and what is held is what reservations say', () =>
    fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 14 }), async (steps) => {
        const products = await Promise.all([product(6), product(3), product(0)]);
        const orders = Array.from({ length: 4 }, () => randomUUIDv7());
        // Orders side by side, the steps of one in their order, as the topic delivers them.
        await Promise.all(
          orders.map(async (id, n) => {
            for (const { what, lines } of steps.filter((one) => one.order === n)) {
              const wanted = lines.map((line) => ({
                productId: products[line.product] as string,
                quantity: line.quantity,
              }));
              await send(what === 'reserve' ? reserve(id, wanted) : what === 'release' ? release(id) : commit(id));
            }
          }),
        );
        const rows = await database.query(
          `SELECT free + reserved + sold AS all, reserved, sold,
             coalesce(sum(quantity) FILTER (WHERE status = 'reserved'), 0)::int AS held,
             coalesce(sum(quantity) FILTER (WHERE status = 'committed'), 0)::int AS gone
           FROM products LEFT JOIN reservation_lines ON product_id = id LEFT JOIN reservations USING (order_id)
           WHERE id = ANY($1) GROUP BY id ORDER BY initial DESC`,
          [products],
        );
        expect(rows.map((row) => row['all'])).toEqual([6, 3, 0]);
        for (const row of rows) expect([row['reserved'], row['sold']]).toEqual([row['held'], row['gone']]);
        for (const id of orders) {
          const numbered = (await answers(id)).flatMap(({ sequence }) =>
            sequence === undefined ? [] : [Number(sequence)],
          );
          expect(numbered).toEqual(numbered.map((_, n) => n + 1));
        }
      }),
      { numRuns: 40 },
    ));
});
