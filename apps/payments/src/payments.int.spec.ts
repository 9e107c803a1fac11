import type { CloudEvent } from '@shop/contracts';
import { Effect, PostgresOutbox, seal } from '@shop/eventing';
import { constraintOf } from '@shop/platform';
import { describe, expect, it } from 'vitest';
import { FakePaymentProvider } from './fake-payment-provider.ts';
import { Payments } from './payments.ts';
import { paymentsFixture, price } from './payments.fixture.ts';

const { database, provider, dead, order, authorise, capture, letGo, send, moves, announced, row } =
  await paymentsFixture();

describe('payments', () => {
  it('holds the money, takes it, and announces each in order', async () => {
    await send(authorise());
    await send(capture());
    expect(moves()).toEqual(['authorisation', 'capture']);
    expect(await announced()).toEqual(['1 payment-authorised', '2 payment-captured']);
    expect(await row()).toEqual({
      status: 'captured',
      payment_id: `fake_${order.id}`,
      amount: '1999',
      currency: 'EUR',
      reason: null,
      version: 2,
    });
  });

  it('has one effect for a message that comes three times', async () => {
    await send(authorise(), 3);
    expect(moves()).toEqual(['authorisation']);
    expect(await announced()).toEqual(['1 payment-authorised']);
  });

  it('charges once when it dies between the answer of the provider and the commit', async () => {
    database.crashes = 2;
    await send(authorise());
    expect(moves()).toEqual(['authorisation']);
    expect(await announced()).toEqual(['1 payment-authorised']);
  });

  it('announces a decline, and then the void that the cancellation asks for', async () => {
    provider.declines.add('tok_declined');
    await send(authorise('tok_declined'));
    await send(letGo());
    expect(moves()).toEqual(['decline']);
    expect(await announced()).toEqual(['1 payment-declined', '2 payment-voided']);
  });

  it('lets go of money it holds', async () => {
    await send(authorise());
    await send(letGo(), 2);
    expect(moves()).toEqual(['authorisation', 'void']);
    expect(await row()).toMatchObject({ status: 'voided', payment_id: `fake_${order.id}`, amount: '1999' });
  });

  it('holds nothing once it was told to let go', async () => {
    await send(letGo());
    await send(authorise());
    expect(moves()).toEqual([]);
    expect(await announced()).toEqual(['1 payment-voided', 'again payment-voided']);
  });

  it('tells again what it has done, without a number, to whoever asks once more', async () => {
    await send(authorise());
    await send(authorise());
    await send(capture());
    await send(capture());
    expect(moves()).toEqual(['authorisation', 'capture']);
    expect(await announced()).toEqual([
      '1 payment-authorised',
      'again payment-authorised',
      '2 payment-captured',
      'again payment-captured',
    ]);
    expect(dead).toEqual([]);
  });

  it('tells a decline again', async () => {
    provider.declines.add('tok_declined');
    await send(authorise('tok_declined'));
    await send(authorise('tok_declined'));
    expect(await announced()).toEqual(['1 payment-declined', 'again payment-declined']);
  });

  it('tells nothing again while the provider has not said what it did', async () => {
    provider.weather = 'answers-lost';
    await send(authorise());
    await send(authorise());
    expect(await announced()).toEqual([]);
  });

  it('buries a capture of money that was let go, with its reason', async () => {
    await send(authorise());
    await send(letGo());
    await send(capture());
    expect(dead).toEqual([expect.stringContaining('nothing-to-capture')]);
    expect(moves()).toEqual(['authorisation', 'void']);
  });
});

describe('two instances with the same order in hand', () => {
  it('announce one outcome; the other one has to decide again', async () => {
    const gate = Promise.withResolvers<void>();
    let waiting = 0;
    class SlowProvider extends FakePaymentProvider {
      override async authorise(...request: Parameters<FakePaymentProvider['authorise']>) {
        if (++waiting === 2) gate.resolve();
        await gate.promise;
        return super.authorise(...request);
      }
    }
    const payments = new Payments(database, new SlowProvider(), new PostgresOutbox());
    const handle = () => {
      const message = JSON.parse(seal(authorise()).payload) as CloudEvent;
      const effect = new Effect(database, new PostgresOutbox(), message, {
        consumer: 'payments.commands',
        messageId: message.id,
      });
      return payments.handle(order.id, { type: 'AuthorisePayment', ...price, paymentToken: 'tok_good' }, effect);
    };
    const results = await Promise.allSettled([handle(), handle()]);
    expect(results.map((result) => result.status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(await announced()).toEqual(['1 payment-authorised']);
  });
});

describe('the table', () => {
  const insert = (columns: string, values: string) =>
    database.query(`INSERT INTO payments (order_id, version, ${columns}) VALUES ('${order.id}', 1, ${values})`).then(
      () => 'taken',
      (error: unknown) => constraintOf(error),
    );

  it.each([
    ['money held under no name', 'status', `'authorised'`, 'payments_held'],
    ['a negative amount', 'status, payment_id, amount, currency', `'authorised', 'x', -1, 'EUR'`, 'payments_amount'],
    [
      'a currency that is none',
      'status, payment_id, amount, currency',
      `'authorised', 'x', 1, 'euro'`,
      'payments_currency',
    ],
    ['a decline without a reason', 'status', `'declined'`, 'payments_reason'],
    ['a status nobody knows', 'status', `'lost'`, 'payments_status'],
  ])('refuses %s', async (_what, columns, values, constraint) => {
    expect(await insert(columns, values)).toBe(constraint);
  });

  it('refuses an open authorisation that could not be repeated', async () => {
    const sql = `INSERT INTO open_outcomes (order_id, move, due_at) VALUES ($1, 'authorise', now())`;
    expect(await database.query(sql, [order.id]).catch((error: unknown) => constraintOf(error))).toBe(
      'open_outcomes_request',
    );
  });
});
