import type { CloudEvent } from '@shop/contracts';
import { PostgresOutbox } from '@shop/eventing';
import { Database } from '@shop/platform';
import { freshDatabase } from '@shop/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { paymentsFixture } from './payments.fixture.ts';
import { putBackPayments } from './restored-payments.ts';

const { database: newer, provider, order, authorise, capture, letGo, send, row } = await paymentsFixture();
const older = new Database((await freshDatabase('payments')).url, { size: 4, application: 'spec' });
afterAll(() => older.close());

/** What was published of an order, up to some of its outcomes. */
const published = async (id: string, upTo = Infinity) =>
  (await newer.query<{ payload: string }>('SELECT payload FROM outbox WHERE key = $1 ORDER BY id', [id]))
    .map(({ payload }) => JSON.parse(payload) as CloudEvent)
    .filter(({ sequence }) => Number(sequence) <= upTo);
const put = (facts: readonly CloudEvent[], dryRun = false) =>
  putBackPayments(older, provider, { facts, outbox: new PostgresOutbox(), dryRun });
const rowNow = async () =>
  (
    await older.query(
      'SELECT status, payment_id, amount, currency, reason, version FROM payments WHERE order_id = $1',
      [order.id],
    )
  )[0];

describe('payments that a restored database lacks', () => {
  it.each([
    ['captured', capture],
    ['voided', letGo],
  ] as const)('are put back as they were published: %s', async (status, end) => {
    await send(authorise());
    await send(end());
    expect(await put(await published(order.id), true)).toMatchObject({ fromTopic: 1, lacking: [] });
    expect(await rowNow()).toBeUndefined();
    expect(await put(await published(order.id))).toMatchObject({ fromTopic: 1, lacking: [] });
    expect(await rowNow()).toEqual(await row());
    expect(await rowNow()).toMatchObject({ status });
    expect(await put(await published(order.id))).toMatchObject({ fromTopic: 0, fromLedger: 0 });
  });

  it('are put back by the ledger of the provider where less was published than has happened: money that was taken is known again', async () => {
    await send(authorise());
    await send(capture());
    expect(await put(await published(order.id, 1))).toMatchObject({ fromTopic: 1, fromLedger: 1, lacking: [] });
    expect(await rowNow()).toEqual(await row());
    // Nobody has been told of it yet.
    const told = await older.query<{ payload: string }>('SELECT payload FROM outbox WHERE key = $1', [order.id]);
    expect(told.map(({ payload }) => JSON.parse(payload) as CloudEvent)).toEqual([
      expect.objectContaining({ type: 'payments.payment-captured.v1', sequence: '2' }),
    ]);
  });

  it('are named where the ledger contradicts what is there: a person has to look', async () => {
    await send(authorise());
    await older.query(`INSERT INTO payments (order_id, status, version) VALUES ($1, 'voided', 9)`, [order.id]);
    expect((await put([])).lacking).toEqual([
      { id: order.id, reason: expect.stringContaining('voided here and authorised') },
    ]);
  });
});
