import { randomUUIDv7 } from 'node:crypto';
import { Database, Health, type Logger } from '@shop/platform';
import { freshDatabase } from '@shop/testing';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MAX_ATTEMPTS, MAX_WITHOUT_A_WORD } from '../domain/attempts.ts';
import { Messages, type Claimed } from '../messages.ts';
import { Addresses, Unverified, type Address } from './addresses.ts';
import { Delivery } from './delivery.ts';
import { FakeMailer } from './fake-mailer.ts';
import { Undeliverable } from './mailer.ts';
import { Sender } from './sender.ts';

const { url } = await freshDatabase('notifications');
const database = new Database(url, { size: 8, application: 'spec' });
const messages = new Messages(database);
const logged: string[] = [];
const note = (fields: object, message: string) => void logged.push(JSON.stringify({ ...fields, message }));
const log = { info: note, warn: note, error: note } as unknown as Logger;

class FakeAddresses extends Addresses {
  readonly gone = new Set<string>();
  readonly unverified = new Set<string>();

  override async of(accountId: string): Promise<Address> {
    if (this.gone.has(accountId)) throw new Undeliverable('account-gone');
    if (this.unverified.has(accountId)) throw new Unverified();
    return { name: 'Ada', address: `${accountId}@example.com` };
  }

  override async close(): Promise<void> {}
}

const addresses = new FakeAddresses();
let mailer: FakeMailer;
let customerId: string;
const senders: Sender[] = [];

function newSender(): Sender {
  const sender = new Sender(messages, new Delivery(addresses, mailer), log, new Health());
  senders.push(sender);
  return sender;
}

beforeEach(() => {
  mailer = new FakeMailer();
  customerId = randomUUIDv7();
  logged.length = 0;
});
afterEach(async () => {
  await Promise.all(senders.splice(0).map((sender) => sender.onApplicationShutdown()));
  await database.query('DELETE FROM messages');
});
afterAll(() => database.close());

/** Machines are slow at times; what comes, comes within ten seconds. */
const eventually = <T>(what: () => T) => expect.poll(what, { timeout: 10_000 });
const document = () =>
  ({
    channel: 'mail',
    kind: 'order-confirmed',
    orderId: randomUUIDv7(),
    payload: { total: 3998, currency: 'EUR' },
  }) as const;
const queue = (accountId = customerId) =>
  database.transaction((tx) => messages.add(tx, { eventId: randomUUIDv7(), accountId, document: document() }));
const rows = () =>
  database.query<{ status: string; attempts: number; failure: string | null }>(
    'SELECT status, attempts, failure FROM messages ORDER BY id',
  );
const makeDue = () => database.query('UPDATE messages SET next_attempt_at = now()');

describe('the sender', () => {
  it('sends what is queued, under the id of its event', async () => {
    await queue();
    newSender().onApplicationBootstrap();
    await eventually(rows).toEqual([{ status: 'sent', attempts: 1, failure: null }]);
    const [{ event_id }] = (await database.query<{ event_id: string }>('SELECT event_id FROM messages')) as [
      { event_id: string },
    ];
    expect(mailer.outbox).toMatchObject([
      { messageId: `<${event_id}@shop.example>`, to: { address: `${customerId}@example.com` } },
    ]);
  });

  it('sends each mail once when several instances share the queue', async () => {
    await Promise.all(Array.from({ length: 100 }, () => queue()));
    for (let instance = 0; instance < 3; instance++) newSender().onApplicationBootstrap();
    await eventually(async () => (await rows()).every((row) => row.status === 'sent')).toBe(true);
    expect(mailer.outbox).toHaveLength(100);
    expect(new Set(mailer.outbox.map((mail) => mail.messageId)).size).toBe(100);
  });

  it('sends again, under the same id, what a sender that died had in hand', async () => {
    await queue();
    const [claimed] = await messages.claim(1, 60_000);
    expect(await messages.claim(1, 60_000)).toEqual([]);
    await makeDue();
    newSender().onApplicationBootstrap();
    await eventually(rows).toEqual([{ status: 'sent', attempts: 2, failure: null }]);
    expect(mailer.outbox[0]?.messageId).toBe(`<${claimed?.eventId}@shop.example>`);
  });

  it('looks again at once when it is woken, whatever the time', async () => {
    // Timers stand still, so the next poll never comes.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      const claim = vi.spyOn(messages, 'claim');
      const sender = newSender();
      sender.onApplicationBootstrap();
      await claim.mock.results[0]?.value;
      await queue();
      sender.wake();
      await eventually(() => mailer.outbox.length).toBe(1);
    } finally {
      vi.restoreAllMocks();
      vi.useRealTimers();
    }
  });

  it('tries again after a failure that may pass', async () => {
    mailer.weather = 'away';
    await queue();
    const sender = newSender();
    sender.onApplicationBootstrap();
    await eventually(rows).toEqual([{ status: 'queued', attempts: 1, failure: 'ECONNECTION' }]);
    mailer.weather = 'fine';
    await makeDue();
    sender.wake();
    await eventually(rows).toEqual([{ status: 'sent', attempts: 2, failure: null }]);
  });

  it('leaves a message alone that another sender has taken over', async () => {
    await queue();
    const [slow] = (await messages.claim(1, 0)) as [Claimed];
    await messages.claim(1, 60_000);
    await messages.retry(slow, 'too-late', 0);
    await messages.giveUp(slow, 'too-late');
    expect(await rows()).toEqual([{ status: 'queued', attempts: 2, failure: null }]);
    expect(await messages.claim(1, 60_000)).toEqual([]);
  });

  it('gives up at once what was refused for good, and says so to the customer', async () => {
    mailer.weather = 'refuses';
    await queue();
    newSender().onApplicationBootstrap();
    await eventually(rows).toEqual([{ status: 'failed', attempts: 1, failure: 'smtp-550' }]);
    expect((await messages.page(customerId, { limit: 10 })).items).toMatchObject([
      { status: 'failed', kind: 'order-confirmed' },
    ]);
  });

  it('gives up a message to an account that is gone', async () => {
    addresses.gone.add(customerId);
    await queue();
    newSender().onApplicationBootstrap();
    await eventually(rows).toEqual([{ status: 'failed', attempts: 1, failure: 'account-gone' }]);
  });

  it('holds what goes to an unproven address, sends it when the owner has proven it, and gives it up after a week', async () => {
    addresses.unverified.add(customerId);
    await queue();
    const sender = newSender();
    sender.onApplicationBootstrap();
    const held = [{ status: 'queued', attempts: 0, failure: 'address-unverified' }];
    await eventually(rows).toEqual(held);
    await makeDue();
    sender.wake();
    await eventually(async () => [(await rows())[0], (await messages.claim(1, 0)).length]).toEqual([held[0], 0]);
    expect(mailer.outbox).toEqual([]);
    addresses.unverified.delete(customerId);
    await messages.release(customerId);
    sender.wake();
    await eventually(async () => (await rows())[0]?.status).toBe('sent');
    addresses.unverified.add(customerId);
    await database.query(`DELETE FROM messages`);
    await queue();
    await database.query(`UPDATE messages SET created_at = created_at - interval '8 days'`);
    sender.wake();
    await eventually(rows).toEqual([{ status: 'failed', attempts: 0, failure: 'address-unverified' }]);
  });

  it('gives up after the last attempt, also when no attempt lived to say that it failed', async () => {
    mailer.weather = 'away';
    await queue();
    await queue();
    const [last, killer] = await messages.claim(2, 0);
    await database.query(
      'UPDATE messages SET attempts = CASE id WHEN $1 THEN $3::int - 1 ELSE $4::int END, failure = CASE id WHEN $1 THEN $5 END WHERE id IN ($1, $2)',
      [last?.id, killer?.id, MAX_ATTEMPTS, MAX_WITHOUT_A_WORD, 'ECONNECTION'],
    );
    newSender().onApplicationBootstrap();
    await eventually(async () => (await rows()).map((row) => row.failure).sort()).toEqual(['ECONNECTION', 'given-up']);
    expect((await rows()).map((row) => row.status)).toEqual(['failed', 'failed']);
  });

  it('neither stores nor logs an address', async () => {
    mailer.weather = 'away';
    await queue();
    const sender = newSender();
    sender.onApplicationBootstrap();
    await eventually(() => logged.length).toBeGreaterThan(0);
    mailer.weather = 'fine';
    await makeDue();
    sender.wake();
    await eventually(() => mailer.outbox.length).toBe(1);
    await eventually(async () => (await rows())[0]?.status).toBe('sent');
    const stored = JSON.stringify(await database.query('SELECT * FROM messages'));
    for (const text of [stored, ...logged]) expect(text).not.toContain('@example.com');
  });
});
