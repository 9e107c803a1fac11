import { randomUUIDv7 } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { id, type MessagePage, type MessageQuery, type MessageView } from '@shop/contracts';
import { currentTraceparent, Cursors, Database, type Transaction } from '@shop/platform';
import type { Message } from './domain/message.ts';

/** A message that a sender has in hand, until its lease ends. */
export interface Claimed {
  readonly id: string;
  readonly eventId: string;
  readonly accountId: string;
  readonly document: Message;
  readonly traceparent: string | undefined;
  /** Which attempt this is, from 1. */
  readonly attempt: number;
  /** Whether an earlier attempt said that it failed. */
  readonly failedBefore: boolean;
}

interface Row {
  id: string;
  document: Message;
  status: MessageView['status'];
  created_at: Date;
  sent_at: Date | null;
}

/** Larger than every id: one statement for all pages, whose plan reaches the index also when it is shared. */
const BEYOND = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** Why a message is held. */
const unverified = 'address-unverified';

/** Messages to people, as documents, and how far each one's delivery is. */
@Injectable()
export class Messages {
  private readonly cursors = new Cursors('messages');

  constructor(private readonly database: Database) {}

  /** Queues a message within the transaction that notes its event as handled. */
  async add(
    tx: Transaction,
    { eventId, accountId, document }: { eventId: string; accountId: string; document: Message },
  ): Promise<void> {
    await tx.query(
      `INSERT INTO messages (id, event_id, account_id, document, traceparent) VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT ON CONSTRAINT messages_event DO NOTHING`,
      [randomUUIDv7(), eventId, accountId, document, currentTraceparent()],
      'message-add',
    );
  }

  /**
   * Takes messages that are due. Senders side by side never take the same one, and when a sender dies, what it had in
   * hand is due again after the lease.
   */
  async claim(limit: number, leaseMs: number): Promise<Claimed[]> {
    return this.database.query<Claimed & Record<string, unknown>>(
      `UPDATE messages SET attempts = attempts + 1, next_attempt_at = clock_timestamp() + $2 * interval '1 millisecond'
       WHERE id IN (
         SELECT id FROM messages WHERE status = 'queued' AND next_attempt_at <= clock_timestamp()
         ORDER BY next_attempt_at LIMIT $1 FOR UPDATE SKIP LOCKED)
       RETURNING id, event_id AS "eventId", account_id AS "accountId", document, traceparent, attempts AS attempt, failure IS NOT NULL AS "failedBefore"`,
      [limit, leaseMs],
      'message-claim',
    );
  }

  /** It was sent, whoever has it in hand by now. */
  async sent({ id }: Claimed): Promise<void> {
    await this.database.query(
      `UPDATE messages SET status = 'sent', sent_at = clock_timestamp(), failure = NULL WHERE id = $1 AND status = 'queued'`,
      [id],
      'message-sent',
    );
  }

  /** This attempt failed; try again after a while. Says nothing when another sender has taken it over. */
  async retry({ id, attempt }: Claimed, failure: string, waitMs: number): Promise<void> {
    await this.database.query(
      `UPDATE messages SET next_attempt_at = clock_timestamp() + $4 * interval '1 millisecond', failure = $3
       WHERE id = $1 AND attempts = $2 AND status = 'queued'`,
      [id, attempt, failure, waitMs],
      'message-retry',
    );
  }

  /**
   * Its address is not proven yet: it waits for `release`, which may have gone by just before, so it is looked at again
   * in an hour. After a week it is given up.
   */
  async hold({ id, attempt }: Claimed): Promise<void> {
    await this.database.query(
      `UPDATE messages SET failure = $3, attempts = 0, next_attempt_at = clock_timestamp() + interval '1 hour',
         status = CASE WHEN created_at < clock_timestamp() - interval '7 days' THEN 'failed' ELSE status END
       WHERE id = $1 AND attempts = $2 AND status = 'queued'`,
      [id, attempt, unverified],
      'message-hold',
    );
  }

  /** The account's address is proven: what was held is due now. */
  async release(accountId: string): Promise<void> {
    await this.database.query(
      `UPDATE messages SET next_attempt_at = clock_timestamp() WHERE account_id = $1 AND status = 'queued' AND failure = $2`,
      [accountId, unverified],
      'message-release',
    );
  }

  /** It is given up: there is no other attempt. */
  async giveUp({ id, attempt }: Claimed, failure: string): Promise<void> {
    await this.database.query(
      `UPDATE messages SET status = 'failed', failure = $3 WHERE id = $1 AND attempts = $2 AND status = 'queued'`,
      [id, attempt, failure],
      'message-give-up',
    );
  }

  /** Of one account, newest first. */
  async page(accountId: string, { limit, cursor }: MessageQuery): Promise<MessagePage> {
    const after = this.cursors.position({ limit, cursor }, id);
    const rows = await this.database.query<Row>(
      `SELECT id, document, status, created_at, sent_at FROM messages WHERE account_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3`,
      [accountId, after?.id ?? BEYOND, limit + 1],
      'message-page',
    );
    const items = rows.slice(0, limit).map(view);
    const last = rows.length > limit ? items.at(-1) : undefined;
    return { items, ...(last && { nextCursor: this.cursors.after({ limit }, { id: last.id, key: last.id }) }) };
  }
}

function view({ id, document: { kind, channel, orderId }, status, created_at, sent_at }: Row): MessageView {
  return {
    id,
    kind,
    channel,
    orderId,
    status,
    createdAt: created_at.toISOString(),
    ...(sent_at && { sentAt: sent_at.toISOString() }),
  };
}
