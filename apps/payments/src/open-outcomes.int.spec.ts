import { randomUUIDv7 } from 'node:crypto';
import { latestActions } from '@shop/eventing';
import { describe, expect, it, vi } from 'vitest';
import { askNow, openOutcomes } from './open-outcomes.ts';
import { paymentsFixture } from './payments.fixture.ts';

const { database, provider, order, authorise, send, open, tick } = await paymentsFixture();

/** As after many looks: the next one is far away. */
const putOff = () =>
  database.query(
    `UPDATE open_outcomes SET due_at = clock_timestamp() + interval '1 minute', attempts = 7 WHERE order_id = $1`,
    [order.id],
  );
const asking = (patience: number) => askNow(database, { operator: 'olga', order: order.id, patience });
const lastAction = async () => (await latestActions(database, 1))[0];

describe('an operator of payments', () => {
  it('sees which money is in doubt, and has the provider asked now: what came of it is told, and written down', async () => {
    provider.weather = 'answers-lost';
    await send(authorise());
    await putOff();
    expect(await openOutcomes(database, order.id)).toEqual([
      expect.objectContaining({ orderId: order.id, move: 'authorise', unwanted: false, attempts: 7 }),
    ]);
    expect(JSON.stringify(await openOutcomes(database))).not.toContain('tok_good');
    const asked = asking(20_000);
    await vi.waitFor(async () => (await tick(), expect(await open()).toEqual([])), { timeout: 20_000 });
    expect(await asked).toEqual([{ orderId: order.id, known: true, outcome: 'is known now' }]);
    expect(await lastAction()).toMatchObject({
      operator: 'olga',
      action: 'ask',
      key: order.id,
      outcome: 'is known now',
    });
  });

  it('is told when nobody looks, and when the ledger does not tell', async () => {
    provider.weather = 'answers-lost';
    await send(authorise());
    await putOff();
    expect(await asking(0)).toEqual([
      { orderId: order.id, known: false, outcome: 'asked for, but nobody has looked at it: does payments run?' },
    ]);
    await putOff();
    provider.ledgerAway = true;
    const asked = asking(3_000);
    await vi.waitFor(
      async () => (
        await tick(), expect(await openOutcomes(database, order.id)).toEqual([expect.objectContaining({ attempts: 8 })])
      ),
      { timeout: 20_000 },
    );
    expect(await asked).toMatchObject([
      { known: false, outcome: 'still open: the ledger was asked, and does not tell yet' },
    ]);
  });

  it('does not take from an instance what it has just begun to look at', async () => {
    provider.weather = 'answers-lost';
    await send(authorise());
    await database.query(
      `UPDATE open_outcomes SET due_at = clock_timestamp() + interval '11 seconds' WHERE order_id = $1`,
      [order.id],
    );
    await asking(0);
    const [left] = await openOutcomes(database, order.id);
    expect(left?.dueAt.getTime()).toBeGreaterThan(Date.now() + 2_000);
  });

  it('is told that there is nothing to ask', async () => {
    await expect(askNow(database, { operator: 'olga', order: randomUUIDv7() })).rejects.toMatchObject({
      kind: 'not-found',
      code: 'no-open-outcome',
    });
  });
});
