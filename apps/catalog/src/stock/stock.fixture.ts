import { randomUUIDv7 } from 'node:crypto';
import { commitStock, deadLetterTopic, releaseStock, reserveStock } from '@shop/contracts';
import { ConsumerRuntime, event, MemoryBus, PostgresOutbox, seal, type Outgoing } from '@shop/eventing';
import { Database } from '@shop/platform';
import { freshDatabase } from '@shop/testing';
import { afterAll, beforeAll, beforeEach } from 'vitest';
import { Stock } from './stock.ts';
import { StockConsumer } from './stock.consumer.ts';

type Line = { productId: string; quantity: number };
type Answer = { type: string; sequence?: string; data: { shortages?: object[] } };

/**
 * The stock consumer on a database of its own, for the specs of this folder: what orders says goes in, what orders
 * hears comes out.
 */
export async function stockFixture() {
  const { url } = await freshDatabase('catalog');
  const database = new Database(url, { size: 16, application: 'spec' });
  const bus = new MemoryBus();
  const log = { info: () => {}, warn: () => {}, error: () => {} };
  const consumer = new StockConsumer(new Stock());
  const runtime = new ConsumerRuntime({
    consumer,
    bus,
    database,
    outbox: new PostgresOutbox(),
    log,
    floodLimit: Infinity,
  });
  const dead: string[] = [];

  beforeAll(async () => {
    const note = async ({ headers }: { headers: Readonly<Record<string, string>> }) =>
      void dead.push(headers['dead-letter-reason'] ?? '');
    await bus.subscribe({ group: 'spec', topics: [deadLetterTopic('catalog.stock')], maxInFlight: 1, handle: note });
    await runtime.start();
  });
  beforeEach(() => void (dead.length = 0));
  afterAll(async () => {
    await runtime.stop();
    await database.close();
  });

  /** What orders was told about an order, oldest first. */
  const answers = async (orderId: string): Promise<Answer[]> => {
    const rows = await database.query<{ payload: string }>(
      `SELECT payload FROM outbox WHERE topic = 'catalog.stock' AND key = $1 ORDER BY id`,
      [orderId],
    );
    return rows.map(({ payload }) => JSON.parse(payload) as Answer);
  };

  return {
    database,
    runtime,
    /** Reasons of the messages that went to the dead-letter topic in this test. */
    dead,
    answers,
    /** The same in short: `1 stock-reserved`; `again stock-reserved`, when it was asked for once more. */
    said: async (orderId: string) =>
      (await answers(orderId)).map(({ type, sequence = 'again' }) => `${sequence} ${type.split('.')[1]}`),
    /** A product that is new to this test, and how many of it there are. */
    async product(stock: number, active = true): Promise<string> {
      const id = randomUUIDv7();
      await database.query(
        `INSERT INTO products (id, sku, name, description, price, currency, active, initial, free)
         VALUES ($1, 'mug-' || $1::uuid, 'Mug', '', 100, 'EUR', $2, $3, $3)`,
        [id, active, stock],
      );
      return id;
    },
    stockOf: async (id: string) =>
      (await database.query('SELECT free, reserved, sold FROM products WHERE id = $1', [id]))[0],
    /** Sends a message as often as said; comes back when each delivery is settled. */
    async send(message: Outgoing, times = 1): Promise<void> {
      const { topic, key, payload } = seal(message);
      for (let time = 0; time < times; time++) await bus.publish([{ topic, key, value: payload }]);
    },
  };
}

export const reserve = (orderId: string, lines: Line[]) =>
  event(reserveStock, { key: orderId, data: { orderId, lines } });
export const release = (orderId: string) => event(releaseStock, { key: orderId, data: { orderId } });
export const commit = (orderId: string) => event(commitStock, { key: orderId, data: { orderId } });
