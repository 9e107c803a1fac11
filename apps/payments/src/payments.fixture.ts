import { randomUUIDv7 } from 'node:crypto';
import { authorisePayment, capturePayment, deadLetterTopic, voidPayment } from '@shop/contracts';
import { ConsumerRuntime, event, MemoryBus, PostgresOutbox, seal, type Outgoing } from '@shop/eventing';
import { Database, Health, type Logger, type Transaction } from '@shop/platform';
import { freshDatabase } from '@shop/testing';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import type { PaymentsConfig } from './config.ts';
import { FakePaymentProvider } from './fake-payment-provider.ts';
import { Payments } from './payments.ts';
import { PaymentsConsumer } from './payments.consumer.ts';
import { Reconciliation } from './reconciliation.ts';

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

const log = { info: () => {}, warn: () => {}, error: () => {} } as unknown as Logger;

export const PROVIDER_SETTLES_WITHIN_MS = 60_000;
export const price = { amount: 1999, currency: 'EUR' };

/** Payments on a database of its own and the bus in memory, before a provider whose weather the test makes. */
export async function paymentsFixture() {
  const { url } = await freshDatabase('payments');
  const database = new FrailDatabase(url, { size: 8, application: 'spec' });
  const bus = new MemoryBus();
  const provider = new FakePaymentProvider();
  const payments = new Payments(database, provider, new PostgresOutbox());
  const runtime = new ConsumerRuntime({
    consumer: new PaymentsConsumer(payments),
    bus,
    database,
    outbox: new PostgresOutbox(),
    log,
    attempts: 3,
    firstRetryMs: 1,
    unparkEveryMs: 50,
  });
  const dead: string[] = [];

  beforeAll(async () => {
    const note = async ({ headers }: { headers: Readonly<Record<string, string>> }) =>
      void dead.push(headers['dead-letter-reason'] ?? '');
    await bus.subscribe({
      group: 'spec',
      topics: [deadLetterTopic('payments.commands')],
      maxInFlight: 1,
      handle: note,
    });
    await runtime.start();
  });

  afterAll(async () => {
    await runtime.stop();
    await database.close();
  });

  /** The order that the test at hand is about. */
  const order = { id: '' };
  beforeEach(() => {
    order.id = randomUUIDv7();
    provider.weather = 'fine';
    provider.ledgerAway = false;
    database.crashes = 0;
    dead.length = 0;
  });

  const authorise = (paymentToken = 'tok_good') =>
    event(authorisePayment, { key: order.id, data: { orderId: order.id, ...price, paymentToken } });
  const capture = () => event(capturePayment, { key: order.id, data: { orderId: order.id } });
  const letGo = () => event(voidPayment, { key: order.id, data: { orderId: order.id } });

  /** Sends a message as often as said, and waits until each delivery is settled. */
  async function send(message: Outgoing, times = 1): Promise<void> {
    const { topic, key, payload } = seal(message);
    for (let time = 0; time < times; time++) await bus.publish([{ topic, key, value: payload }]);
  }
  /** One look of an instance at this order's open outcome, whenever it was due. */
  async function reconcile(by = payments): Promise<void> {
    await database.query(
      `UPDATE open_outcomes SET due_at = clock_timestamp() + CASE WHEN order_id = $1 THEN -1 ELSE 1 END * interval '1 hour'`,
      [order.id],
    );
    await tick(by);
  }
  const tick = (by = payments) =>
    new Reconciliation(by, database, { PROVIDER_SETTLES_WITHIN_MS } as PaymentsConfig, log, new Health()).tick();
  const open = () => database.query('SELECT move, unwanted FROM open_outcomes WHERE order_id = $1', [order.id]);
  const moves = () => provider.rows.filter((row) => row.orderId === order.id).map((row) => row.entry);
  async function announced(): Promise<string[]> {
    const rows = await database.query<{ payload: string }>('SELECT payload FROM outbox WHERE key = $1 ORDER BY id', [
      order.id,
    ]);
    return rows.map(({ payload }) => {
      const { type, sequence = 'again' } = JSON.parse(payload) as { type: string; sequence?: string };
      return `${sequence} ${type.split('.')[1]}`;
    });
  }
  const row = async () =>
    (
      await database.query(
        'SELECT status, payment_id, amount, currency, reason, version FROM payments WHERE order_id = $1',
        [order.id],
      )
    )[0];

  return {
    database,
    provider,
    payments,
    dead,
    order,
    authorise,
    capture,
    letGo,
    send,
    reconcile,
    tick,
    open,
    moves,
    announced,
    row,
  };
}
