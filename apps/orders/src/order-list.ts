import { Injectable } from '@nestjs/common';
import { DomainError } from '@shop/kernel';
import type { OrderPage, OrderQuery, OrderStatus, OrderSummary } from '@shop/contracts';
import { Database } from '@shop/platform';

interface Row {
  id: string;
  status: OrderStatus;
  total: string;
  currency: string;
  placed_at: Date;
  version: number;
}

/** Larger than every id: one statement for all pages. An "or it is null" would keep the id out of the index once its plan is shared. */
const BEYOND = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** The read model that lists are served from; it follows the events at the length of the outbox. */
@Injectable()
export class OrderList {
  constructor(private readonly database: Database) {}

  /** Newest first. Order ids are UUIDv7, so the id alone is the keyset. */
  async page(customer: string, { limit, cursor }: OrderQuery): Promise<OrderPage> {
    const rows = await this.database.query<Row>(
      `SELECT id, status, total, currency, placed_at, version FROM order_list
       WHERE customer = $1 AND id < $2 ORDER BY id DESC LIMIT $3`,
      [customer, cursor === undefined ? BEYOND : decode(cursor), limit + 1],
      'order-list-page',
    );
    const items = rows.slice(0, limit).map(summary);
    const last = items.at(-1);
    return rows.length > limit && last ? { items, nextCursor: encode(last.id) } : { items };
  }
}

function summary({ id, status, total, currency, placed_at, version }: Row): OrderSummary {
  return { id, status, total: Number(total), currency, placedAt: placed_at.toISOString(), version };
}

const PREFIX = 'orders.1.';
const encode = (id: string) => Buffer.from(PREFIX + id).toString('base64url');

function decode(cursor: string): string {
  const text = Buffer.from(cursor, 'base64url').toString();
  if (text.startsWith(PREFIX) && /^[0-9a-f-]{36}$/.test(text.slice(PREFIX.length))) return text.slice(PREFIX.length);
  throw new DomainError('invalid', 'invalid-cursor', 'This cursor was not made by this list.', [{ pointer: '/query/cursor', detail: 'Take it from nextCursor.' }]);
}
