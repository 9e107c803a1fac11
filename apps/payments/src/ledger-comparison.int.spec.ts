import type { Logger } from '@shop/platform';
import { beforeEach, describe, expect, it } from 'vitest';
import { LedgerComparison } from './ledger-comparison.ts';
import { paymentsFixture } from './payments.fixture.ts';

const { database, provider, order, authorise, capture, letGo, send } = await paymentsFixture();
let told: object[];
const log = { info: () => {}, warn: () => {}, error: (what: object) => told.push(what) } as unknown as Logger;
const comparison = new LedgerComparison(database, provider, log);
const aWhilePasses = () => database.query('UPDATE resting SET next_at = now()');
const resting = async () =>
  (await database.query<{ key: string }>(`SELECT key FROM resting WHERE book = 'ledger'`)).map(({ key }) => key);
beforeEach(async () => {
  told = [];
  await database.query('DELETE FROM resting');
});

describe('the ledger of the provider, compared with our book', () => {
  it('says the same of what was taken, let go and declined', async () => {
    await send(authorise());
    await send(capture());
    await comparison.tick();
    await aWhilePasses();
    await comparison.tick();
    expect([await resting(), told]).toEqual([[], []]);
  });

  it('that was only ahead for a moment is no difference', async () => {
    await send(authorise());
    await database.query(`UPDATE payments SET status = 'captured' WHERE order_id = $1`, [order.id]);
    await comparison.tick();
    expect(await resting()).toEqual([order.id]);
    await database.query(`UPDATE payments SET status = 'authorised' WHERE order_id = $1`, [order.id]);
    await comparison.tick();
    expect(told).toEqual([]);
    await aWhilePasses();
    await comparison.tick();
    expect([await resting(), told]).toEqual([[], []]);
  });

  it('knows of money that we do not: that is told, again and again', async () => {
    await send(authorise());
    await database.query('DELETE FROM payments WHERE order_id = $1', [order.id]);
    await comparison.tick();
    await aWhilePasses();
    await comparison.tick();
    expect(told).toEqual([{ order: order.id, ours: 'none', theirs: 'authorised' }]);
    expect(await resting()).toEqual([order.id]);
  });

  it('knows of money let go that we hold to be taken', async () => {
    await send(authorise());
    await send(letGo());
    await database.query(`UPDATE payments SET status = 'captured' WHERE order_id = $1`, [order.id]);
    await comparison.tick();
    await aWhilePasses();
    await comparison.tick();
    expect(told).toEqual([{ order: order.id, ours: 'captured', theirs: 'voided' }]);
  });
});
