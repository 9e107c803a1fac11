import { Injectable } from '@nestjs/common';
import { amount, instant, type OrderPage, type OrderQuery, type OrderStatus, type OrderSummary } from '@shop/contracts';
import { Conditions, Cursors, Database, keysetPage, sortOf } from '@shop/platform';

interface Row {
  id: string;
  status: OrderStatus;
  total: string;
  currency: string;
  placed_at: Date;
  version: number;
}

/**
 * What orders may be sorted by, each with an index (migrations/0005, 0006), and what a cursor then carries: times to
 * the millisecond, as events bear them.
 */
const sorts = {
  placedAt: { column: 'placed_at', key: instant.refine((time) => time >= '1970') },
  total: { column: 'total', key: amount },
} as const;

/** The read model that lists are served from; it follows the events at the length of the outbox. */
@Injectable()
export class OrderList {
  private readonly cursors = new Cursors('orders');

  constructor(private readonly database: Database) {}

  /** One customer's orders, and nobody else's, as many as asked for, after the cursor. */
  async page(customer: string, query: OrderQuery): Promise<OrderPage> {
    const { field, descending } = sortOf(query.sort);
    const { column, key } = sorts[field];
    const select = 'SELECT id, status, total, currency, placed_at, version FROM order_list';
    const page = keysetPage({
      select,
      where: wanted(customer, query),
      column,
      descending,
      after: this.cursors.position(query, key),
      limit: query.limit,
    });
    const rows = await this.database.query<Row>(page.text, page.values);
    const items = rows.slice(0, query.limit).map(summary);
    const last = rows.length > query.limit ? items.at(-1) : undefined;
    return { items, ...(last && { nextCursor: this.cursors.after(query, { id: last.id, key: last[field] }) }) };
  }
}

/** As a Date, because Postgres reads no year 0000 in text. */
const at = (time: string | undefined) => (time === undefined ? undefined : new Date(time));

function wanted(customer: string, query: OrderQuery): Conditions {
  return new Conditions()
    .and('customer = ?', customer)
    .and('status = ?', query['filter[status]'])
    .and('placed_at >= ?', at(query['filter[placedAt][gte]']))
    .and('placed_at < ?', at(query['filter[placedAt][lt]']))
    .and('total >= ?', query['filter[total][gte]'])
    .and('total <= ?', query['filter[total][lte]']);
}

function summary({ id, status, total, currency, placed_at, version }: Row): OrderSummary {
  return { id, status, total: Number(total), currency, placedAt: placed_at.toISOString(), version };
}
