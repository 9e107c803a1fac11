import { randomUUIDv7 } from 'node:crypto';
import { PostgresOutbox } from '@shop/eventing';
import type { Logger } from '@shop/platform';
import { beforeEach, describe, expect, it } from 'vitest';
import { RestingStock } from './resting-stock.ts';
import { commit, reserve, stockFixture } from './stock.fixture.ts';

const { database, said, product, send } = await stockFixture();
const log = { info: () => {}, warn: () => {}, error: () => {} } as unknown as Logger;
const look = () => new RestingStock(database, new PostgresOutbox(), log).tick();

/** The id of an order that was placed so many minutes ago. */
function placedBefore(minutes: number): string {
  const time = (Date.now() - minutes * 60_000).toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}${randomUUIDv7().slice(13)}`;
}

describe('stock that stays set aside', () => {
  let mug: string;
  beforeEach(async () => void (mug = await product(100)));
  const reserved = async (minutes: number) => {
    const order = placedBefore(minutes);
    await send(reserve(order, [{ productId: mug, quantity: 1 }]));
    return order;
  };

  it('is told again when its order is old, by one instance, and not before ten minutes once more', async () => {
    const [young, old, sold] = [await reserved(1), await reserved(20), await reserved(21)];
    await send(commit(sold));
    await Promise.all([look(), look()]);
    await look();
    expect([await said(young), await said(old)]).toEqual([
      ['1 stock-reserved'],
      ['1 stock-reserved', 'again stock-reserved'],
    ]);
    expect(await said(sold)).toEqual(['1 stock-reserved', '2 stock-committed']);
    await database.query(`UPDATE resting SET next_at = now()`);
    await look();
    expect((await said(old)).filter((one) => one.startsWith('again'))).toHaveLength(2);
  });

  it('is found at the second reading where it appeared after its order had been read', async () => {
    await look();
    const [late, later] = [await reserved(25 * 60), await reserved(60)];
    await database.query(
      `UPDATE books_looked_through SET through = CASE book WHEN 'reservations' THEN through ELSE $1 END`,
      [placedBefore(26 * 60)],
    );
    await look();
    await look();
    expect([await said(late), await said(later)]).toEqual([
      ['1 stock-reserved', 'again stock-reserved'],
      ['1 stock-reserved'],
    ]);
  });

  it('is forgotten when it rests no more, and each row is read once at each reading', async () => {
    const old = await reserved(30);
    await database.query('DELETE FROM books_looked_through');
    await look();
    await send(commit(old));
    await look();
    expect(await database.query('SELECT key FROM resting WHERE key = $1', [old])).toEqual([]);
    const [row] = await database.query<{ through: string }>(
      `SELECT through FROM books_looked_through WHERE book = 'reservations'`,
    );
    expect((row?.through ?? '') > old).toBe(true);
  });
});
