import { randomUUIDv7 } from 'node:crypto';
import { authorisePayment, capturePayment, deadLetterTopic, voidPayment, type CloudEvent } from '@shop/contracts';
import { ConsumerRuntime, Effect, event, MemoryBus, PostgresOutbox, seal, type Outgoing } from '@shop/eventing';
import { constraintOf, Database, type Transaction } from '@shop/platform';
import { freshDatabase } from '@shop/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FakePaymentProvider } from './fake-payment-provider.ts';
import { Payments } from './payments.ts';
import { PaymentsConsumer } from './payments.consumer.ts';

/** A database whose transactions can be made to die at the very end, as in a crash after the provider has answered. */
class FrailDatabase extends Database {
  crashes = 0;

  override transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    return super.transaction(async (tx) => {
      const result = await work(tx);
      if (this.crashes-- > 0) throw new Error('crashed before the commit');
      return result;
    });
  }
}

const { url } = await freshDatabase('payments');
const database = new FrailDatabase(url, { size: 8, application: 'spec' });
const bus = new MemoryBus();
const provider = new FakePaymentProvider();
const runtime = new ConsumerRuntime({
  consumer: new PaymentsConsumer(new Payments(database, provider)),
  bus,
  database,
  outbox: new PostgresOutbox(),
  log: { info: () => {}, warn: () => {}, error: () => {} },
  attempts: 3,
  firstRetryMs: 1,
  unparkEveryMs: 50,
});
const dead: string[] = [];

beforeAll(async () => {
  const note = async ({ headers }: { headers: Readonly<Record<string, string>> }) => void dead.push(headers['dead-letter-reason'] ?? '');
  await bus.subscribe({ group: 'spec', topics: [deadLetterTopic('payments.commands')], maxInFlight: 1, handle: note });
  await runtime.start();
});

afterAll(async () => {
  await runtime.stop();
  await database.close();
});

let orderId: string;
beforeEach(() => {
  orderId = randomUUIDv7();
  provider.weather = 'fine';
  database.crashes = 0;
  dead.length = 0;
});

const price = { amount: 1999, currency: 'EUR' };
const authorise = (paymentToken = 'tok_good') => event(authorisePayment, { key: orderId, data: { orderId, ...price, paymentToken } });
const capture = () => event(capturePayment, { key: orderId, data: { orderId } });
const letGo = () => event(voidPayment, { key: orderId, data: { orderId } });

/** Sends a message as often as said, and waits until each delivery is settled. */
async function send(message: Outgoing, times = 1): Promise<void> {
  const { topic, key, payload } = seal(message);
  for (let time = 0; time < times; time++) await bus.publish([{ topic, key, value: payload }]);
}
const moves = () => provider.ledger.filter((row) => row.orderId === orderId).map((row) => row.entry);
async function announced(): Promise<string[]> {
  const rows = await database.query<{ payload: string }>('SELECT payload FROM outbox WHERE key = $1 ORDER BY id', [orderId]);
  return rows.map(({ payload }) => {
    const { type, sequence } = JSON.parse(payload) as { type: string; sequence: string };
    return `${sequence} ${type.split('.')[1]}`;
  });
}
/** Machines are slow at times; what comes, comes within ten seconds. */
const eventually = <T>(what: () => T) => expect.poll(what, { timeout: 10_000 });
const row = async () => (await database.query('SELECT status, payment_id, amount, currency, reason, version FROM payments WHERE order_id = $1', [orderId]))[0];

describe('payments', () => {
  it('holds the money, takes it, and announces each in order', async () => {
    await send(authorise());
    await send(capture());
    expect(moves()).toEqual(['authorisation', 'capture']);
    expect(await announced()).toEqual(['1 payment-authorised', '2 payment-captured']);
    expect(await row()).toEqual({ status: 'captured', payment_id: `fake_${orderId}`, amount: '1999', currency: 'EUR', reason: null, version: 2 });
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
    expect(await row()).toMatchObject({ status: 'voided', payment_id: `fake_${orderId}`, amount: '1999' });
  });

  it('holds nothing once it was told to let go', async () => {
    await send(letGo());
    await send(authorise());
    expect(moves()).toEqual([]);
    expect(await announced()).toEqual(['1 payment-voided']);
  });

  it('buries a capture of money that was let go, with its reason', async () => {
    await send(authorise());
    await send(letGo());
    await send(capture());
    expect(dead).toEqual([expect.stringContaining('nothing-to-capture')]);
    expect(moves()).toEqual(['authorisation', 'void']);
  });

  it('takes no lost answer for a refusal: it asks until it knows', async () => {
    provider.weather = 'answers-lost';
    await send(authorise());
    expect(await row()).toBeUndefined();
    provider.weather = 'fine';
    await eventually(announced).toEqual(['1 payment-authorised']);
    expect(moves()).toEqual(['authorisation']);
  });

  it('keeps the order of one order through an outage', async () => {
    provider.weather = 'away';
    await send(authorise());
    await send(letGo());
    expect(await announced()).toEqual([]);
    provider.weather = 'fine';
    await eventually(announced).toEqual(['1 payment-authorised', '2 payment-voided']);
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
    const payments = new Payments(database, new SlowProvider());
    const handle = () => {
      const message = JSON.parse(seal(authorise()).payload) as CloudEvent;
      const effect = new Effect(database, new PostgresOutbox(), message, { consumer: 'payments.commands', messageId: message.id });
      return payments.handle(orderId, { type: 'AuthorisePayment', ...price, paymentToken: 'tok_good' }, effect);
    };
    const results = await Promise.allSettled([handle(), handle()]);
    expect(results.map((result) => result.status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(await announced()).toEqual(['1 payment-authorised']);
  });
});

describe('the table', () => {
  const insert = (columns: string, values: string) =>
    database.query(`INSERT INTO payments (order_id, version, ${columns}) VALUES ('${orderId}', 1, ${values})`).then(
      () => 'taken',
      (error: unknown) => constraintOf(error),
    );

  it.each([
    ['money held under no name', 'status', `'authorised'`, 'payments_held'],
    ['a negative amount', 'status, payment_id, amount, currency', `'authorised', 'x', -1, 'EUR'`, 'payments_amount'],
    ['a currency that is none', 'status, payment_id, amount, currency', `'authorised', 'x', 1, 'euro'`, 'payments_currency'],
    ['a decline without a reason', 'status', `'declined'`, 'payments_reason'],
    ['a status nobody knows', 'status', `'lost'`, 'payments_status'],
  ])('refuses %s', async (_what, columns, values, constraint) => {
    expect(await insert(columns, values)).toBe(constraint);
  });
});
