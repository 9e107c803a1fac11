import type { CloudEvent } from '@shop/contracts';
import { PostgresOutbox } from '@shop/eventing';
import { describe, expect, it, vi } from 'vitest';
import type { FakePaymentProvider } from './fake-payment-provider.ts';
import { claimDue } from './payment-rows.ts';
import { Payments } from './payments.ts';
import { paymentsFixture, PROVIDER_SETTLES_WITHIN_MS } from './payments.fixture.ts';

const { database, provider, order, authorise, capture, letGo, send, reconcile, open, moves, announced, row } =
  await paymentsFixture();

describe('an answer that does not come', () => {
  it('is taken for no refusal: the ledger says that the money is held, while answers are still being lost', async () => {
    provider.weather = 'answers-lost';
    await send(authorise());
    expect([await announced(), await row(), await open()]).toEqual([
      [],
      undefined,
      [{ move: 'authorise', unwanted: false }],
    ]);
    await reconcile();
    expect([await announced(), await open()]).toEqual([['1 payment-authorised'], []]);
    expect(await row()).toMatchObject({ status: 'authorised', payment_id: `fake_${order.id}`, amount: '1999' });
    expect(moves()).toEqual(['authorisation']);
  });

  it('is asked for again where the ledger has nothing, as long as the order wants it', async () => {
    provider.weather = 'away';
    await send(authorise());
    await reconcile();
    expect(await open()).toHaveLength(1);
    provider.weather = 'fine';
    await reconcile();
    expect([moves(), await announced()]).toEqual([['authorisation'], ['1 payment-authorised']]);
  });

  it('holds up neither this order nor another: nothing is parked, and the void of a given-up order is noted', async () => {
    provider.weather = 'away';
    await send(authorise());
    await send(letGo(), 2);
    expect(await open()).toEqual([{ move: 'authorise', unwanted: true }]);
    expect(await database.query('SELECT 1 FROM parked_keys WHERE key = $1', [order.id])).toEqual([]);
  });

  it('leaves no money held for an order that was given up meanwhile', async () => {
    provider.weather = 'answers-lost';
    await send(authorise());
    await send(letGo());
    expect(moves()).toEqual(['authorisation']);
    provider.ledgerAway = true;
    await reconcile();
    expect(await open()).toHaveLength(1);
    Object.assign(provider, { ledgerAway: false, weather: 'fine' });
    await reconcile();
    expect([moves(), await announced(), await open()]).toEqual([
      ['authorisation', 'void'],
      ['1 payment-authorised', '2 payment-voided'],
      [],
    ]);
  });

  it('is waited for as long as the provider may still be at it; then nothing was held, and none is asked for any more', async () => {
    provider.weather = 'away';
    await send(authorise());
    await send(letGo());
    provider.weather = 'fine';
    await reconcile();
    expect([await announced(), await open()]).toEqual([[], [{ move: 'authorise', unwanted: true }]]);
    await database.query(`UPDATE open_outcomes SET asked_at = asked_at - interval '2 minutes' WHERE order_id = $1`, [
      order.id,
    ]);
    await reconcile();
    expect([moves(), await announced(), await open()]).toEqual([[], ['1 payment-voided'], []]);
  });

  it.each([
    ['capture', capture, '2 payment-captured'],
    ['void', letGo, '2 payment-voided'],
  ] as const)('to a %s is found in the ledger, where it happened once', async (move, message, outcome) => {
    await send(authorise());
    provider.weather = 'answers-lost';
    await send(message());
    expect([await announced(), await open()]).toEqual([['1 payment-authorised'], [{ move, unwanted: false }]]);
    await reconcile();
    expect([moves(), await announced(), await open()]).toEqual([
      ['authorisation', move],
      ['1 payment-authorised', outcome],
      [],
    ]);
  });

  it('forgets no capture that never reached the provider', async () => {
    await send(authorise());
    provider.weather = 'away';
    await send(capture());
    provider.weather = 'fine';
    await reconcile();
    expect([moves(), await row()]).toEqual([
      ['authorisation', 'capture'],
      expect.objectContaining({ status: 'captured', version: 2 }),
    ]);
  });

  it('is looked for by another instance when the one that looked has died', async () => {
    provider.weather = 'answers-lost';
    await send(authorise());
    await database.query(`UPDATE open_outcomes SET due_at = clock_timestamp() WHERE order_id = $1`, [order.id]);
    expect((await claimDue(database, PROVIDER_SETTLES_WITHIN_MS, 100)).map((due) => due.orderId)).toContain(order.id);
    expect(await claimDue(database, PROVIDER_SETTLES_WITHIN_MS, 100)).toEqual([]);
    await reconcile();
    expect(await announced()).toEqual(['1 payment-authorised']);
  });

  it('is not acted on by an instance that stood still after reading: it reads again before it asks for money', async () => {
    provider.weather = 'away';
    await send(authorise());
    provider.weather = 'fine';
    const now = vi.spyOn(performance, 'now');
    const slow = Object.create(provider, {
      standing: {
        value: (id: string) => {
          now.mockReturnValue(performance.now() + 10_000);
          return provider.standing(id);
        },
      },
    }) as FakePaymentProvider;
    await reconcile(new Payments(database, slow, new PostgresOutbox()));
    now.mockRestore();
    expect([moves(), await open()]).toEqual([[], [{ move: 'authorise', unwanted: false }]]);
  });

  it('is found out once when the finder dies before its commit', async () => {
    provider.weather = 'away';
    await send(authorise());
    provider.weather = 'fine';
    database.crashes = 1;
    await reconcile();
    expect([moves(), await announced()]).toEqual([['authorisation'], []]);
    await reconcile();
    expect([moves(), await announced()]).toEqual([['authorisation'], ['1 payment-authorised']]);
  });

  it('is decided anew when the order is given up while the ledger is being read', async () => {
    provider.weather = 'answers-lost';
    await send(authorise());
    provider.weather = 'fine';
    const [reading, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const slow = Object.create(provider, {
      standing: {
        value: async (id: string) => {
          reading.resolve();
          await goOn.promise;
          return provider.standing(id);
        },
      },
    }) as FakePaymentProvider;
    const looking = reconcile(new Payments(database, slow, new PostgresOutbox()));
    await reading.promise;
    await send(letGo());
    goOn.resolve();
    await looking;
    expect([moves(), await announced()]).toEqual([['authorisation'], []]);
    await reconcile();
    expect([moves(), await announced()]).toEqual([
      ['authorisation', 'void'],
      ['1 payment-authorised', '2 payment-voided'],
    ]);
  });

  it('is told, when it is known, as caused by the message that asked', async () => {
    provider.weather = 'answers-lost';
    const message = authorise();
    await send(message);
    await reconcile();
    const [told] = await database.query<{ payload: string }>('SELECT payload FROM outbox WHERE key = $1', [order.id]);
    const [inbox] = await database.query<{ message_id: string }>(`SELECT message_id FROM inbox WHERE message_id = $1`, [
      (JSON.parse(told?.payload ?? '{}') as CloudEvent).causationid,
    ]);
    expect(inbox).toBeDefined();
  });
});
