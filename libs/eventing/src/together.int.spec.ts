import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUIDv7 } from 'node:crypto';
import { DomainError } from '@shop/kernel';
import { Database, type Transaction } from '@shop/platform';
import { freshDatabase } from '@shop/testing';
import { afterAll, afterEach, expect, it } from 'vitest';
import { AlreadyHandled, KeyParked, type InboxRow } from './claims.ts';
import { Together } from './together.ts';

const { url, ownerUrl } = await freshDatabase('catalog');
const owner = new Database(ownerUrl, { size: 1, application: 'spec' });
await owner.query('CREATE TABLE effects (key text)');
await owner.close();
const database = new Database(url, { size: 4, application: 'spec' });
afterEach(async () => {
  for (const table of ['effects', 'inbox', 'parked_keys']) await database.query(`DELETE FROM ${table}`);
});
afterAll(() => database.close());

const row = (key: string = randomUUIDv7()): InboxRow => ({
  consumer: 'catalog.stock',
  messageId: randomUUIDv7(),
  unlessParked: key,
});
const noted = (key: string) => (tx: Transaction) => tx.query('INSERT INTO effects (key) VALUES ($1)', [key]);
const effects = async () =>
  (await database.query<{ key: string }>('SELECT key FROM effects ORDER BY key')).map(({ key }) => key);
const transactions = async () =>
  Number((await database.query<{ n: string }>('SELECT count(DISTINCT xmin::text) AS n FROM effects'))[0]?.n);
const inbox = async () => Number((await database.query<{ n: string }>('SELECT count(*) AS n FROM inbox'))[0]?.n);

it('has the first effect at once, and all that came meanwhile in one transaction', async () => {
  const together = new Together(database, 1);
  const results = await Promise.all(
    ['a', 'b', 'c', 'd', 'e'].map((key) => together.run(row(), async (tx) => (await noted(key)(tx), key))),
  );
  expect(results).toEqual(['a', 'b', 'c', 'd', 'e']);
  expect(await effects()).toEqual(results);
  expect(await transactions()).toBe(2);
  expect(await inbox()).toBe(5);
});

it('has a few side by side before they share', async () => {
  const together = new Together(database, 3);
  await Promise.all(['a', 'b', 'c', 'd', 'e'].map((key) => together.run(row(), noted(key))));
  expect(await transactions()).toBe(4);
});

it('has no effect of what was handled, is parked or came twice, and the effects of the others', async () => {
  const together = new Together(database, 1);
  const [known, fresh] = [row(), row()];
  await together.run(known, noted('before'));
  await database.query(
    `INSERT INTO parked_keys (consumer, key, kind, reason, next_attempt_at) VALUES ('catalog.stock', 'sick', 'transient', 'spec', now())`,
  );
  const came = await Promise.allSettled([
    together.run(row(), noted('1')),
    ...[known, row('sick'), fresh, fresh, row()].map((each, n) => together.run(each, noted(String(n + 2)))),
  ]);
  expect(came.map((one) => (one.status === 'rejected' ? one.reason.constructor : 'had'))).toEqual([
    'had',
    AlreadyHandled,
    KeyParked,
    'had',
    AlreadyHandled,
    'had',
  ]);
  expect(await effects()).toEqual(['1', '4', '6', 'before']);
});

it('lets one that fails spoil nothing for the others', async () => {
  const together = new Together(database, 1);
  const halfWay = async (tx: Transaction) => {
    await noted('half')(tx);
    throw new Error('half-way');
  };
  const refused = (tx: Transaction) => tx.query('SELECT 1 / 0');
  const came = await Promise.allSettled(
    [noted('a'), noted('b'), halfWay, noted('c'), refused, noted('d')].map((work) => together.run(row(), work)),
  );
  expect(came.map((one) => (one.status === 'rejected' ? one.reason.message : 'had'))).toEqual([
    'had',
    'had',
    'half-way',
    'had',
    'division by zero',
    'had',
  ]);
  expect(await effects()).toEqual(['a', 'b', 'c', 'd']);
  expect(await inbox()).toBe(4);
});

it('does each work as its caller', async () => {
  const [together, whose] = [new Together(database, 1), new AsyncLocalStorage<string>()];
  const seen = await Promise.all(
    ['a', 'b', 'c'].map((name) => whose.run(name, () => together.run(row(), async () => whose.getStore()))),
  );
  expect(seen).toEqual(['a', 'b', 'c']);
});

it('tells all of them soon when there is no database', async () => {
  let tried = 0;
  const gone = new DomainError('unavailable', 'database-unavailable', 'It is away.');
  gone.cause = new Error('Connection terminated unexpectedly');
  const together = new Together({ transaction: () => (tried++, Promise.reject(gone)) }, 1);
  const came = await Promise.allSettled(Array.from({ length: 21 }, () => together.run(row(), noted('x'))));
  expect(came.every((one) => one.status === 'rejected' && one.reason === gone)).toBe(true);
  // The first by itself, the twenty that came meanwhile together, and one of those.
  expect(tried).toBe(3);
});
