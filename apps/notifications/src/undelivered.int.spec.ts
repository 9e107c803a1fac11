import { randomUUIDv7 } from 'node:crypto';
import { Database } from '@shop/platform';
import { freshDatabase } from '@shop/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { Messages } from './messages.ts';
import { resend, undelivered } from './undelivered.ts';

const { url } = await freshDatabase('notifications');
const database = new Database(url, { size: 4, application: 'spec' });
const messages = new Messages(database);
beforeEach(async () => void (await database.query('DELETE FROM messages')));

/** A mail about a new order, given up or tried in vain; its order. */
async function mail(status: 'queued' | 'failed' | 'sent', failure: string | undefined): Promise<string> {
  const orderId = randomUUIDv7();
  const document = {
    channel: 'mail',
    kind: 'order-confirmed',
    orderId,
    payload: { total: 1, currency: 'EUR' },
  } as const;
  await database.transaction((tx) =>
    messages.add(tx, { eventId: randomUUIDv7(), accountId: randomUUIDv7(), document }),
  );
  await database.query(
    `UPDATE messages SET status = $2, failure = $3, attempts = 20, next_attempt_at = now() + interval '1 hour', sent_at = CASE WHEN $2 = 'sent' THEN now() END WHERE document->>'orderId' = $1`,
    [orderId, status, failure],
  );
  return orderId;
}

describe('mails that did not arrive', () => {
  it('are listed, given up or still tried; those that were sent, or not tried yet, are not', async () => {
    const [failed, tried] = [await mail('failed', 'ECONNECTION'), await mail('queued', 'ETIMEDOUT')];
    await mail('sent', undefined);
    await mail('queued', undefined);
    expect((await undelivered(database, {})).map(({ orderId, status, failure }) => [orderId, status, failure])).toEqual(
      [
        [failed, 'failed', 'ECONNECTION'],
        [tried, 'queued', 'ETIMEDOUT'],
      ],
    );
    expect(await undelivered(database, { order: tried })).toHaveLength(1);
  });

  it('are sent again when an operator says so, all that an outage has cost, and it is written down', async () => {
    const lost = [await mail('failed', 'ECONNECTION'), await mail('failed', 'ECONNECTION')];
    await mail('failed', 'smtp-550');
    expect(await resend(database, { operator: 'olga', failure: 'ECONN' })).toBe(2);
    expect(new Set((await messages.claim(10, 1_000)).map(({ document }) => document.orderId))).toEqual(new Set(lost));
    expect((await undelivered(database, { failure: 'smtp-550' })).map(({ status }) => status)).toEqual(['failed']);
    expect(await database.query('SELECT operator, action, consumer, outcome FROM operator_actions')).toEqual([
      { operator: 'olga', action: 'replay', consumer: 'notifications.mail', outcome: '2 mails are queued again' },
    ]);
    await expect(resend(database, { operator: 'olga', order: randomUUIDv7() })).rejects.toMatchObject({
      code: 'no-such-mail',
    });
  });
});
