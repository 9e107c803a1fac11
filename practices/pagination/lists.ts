import type { OrderPage, OrderQuery, OrderSummary } from '@shop/contracts';
import { OrderList } from '@shop/orders';
import { Cursors, type Database } from '@shop/platform';

type Row = Omit<OrderSummary, 'total' | 'placedAt'> & { total: string; placed_at: Date };

const select = 'SELECT id, status, total, currency, placed_at, version FROM order_list';
const summary = ({ total, placed_at, ...row }: Row): OrderSummary => ({
  ...row,
  total: Number(total),
  placedAt: placed_at.toISOString(),
});

/** Where in its list an order stands, as the bench knows it. */
export interface Place {
  readonly id: string;
  readonly placedAt: string;
  /** So many come before it, newest first. */
  readonly depth: number;
}

/** A list of orders, and the cursor by which somebody goes on behind an order that he saw earlier. */
export interface Readable {
  page(customer: string, query: OrderQuery): Promise<OrderPage>;
  behind(place: Place, query: OrderQuery): string;
}

/** The product's own. Its cursors hold no secret: a place in a list that one may read anyway. */
export class KeysetList extends OrderList implements Readable {
  behind({ id, placedAt }: Place, query: OrderQuery): string {
    return new Cursors('orders').after(query, { id, key: placedAt });
  }
}

/**
 * Pages by number: skip so many, take so many. The same order, the same index, one row more to know whether another
 * page follows.
 */
export class OffsetList extends OrderList implements Readable {
  constructor(private readonly rows: Database) {
    super(rows);
  }

  override async page(customer: string, { limit, cursor, ...query }: OrderQuery): Promise<OrderPage> {
    const offset = Number(cursor ?? 0);
    const found = await this.rows.query<Row>(
      `${select} WHERE customer = $1 AND status = $2 ORDER BY placed_at DESC, id DESC LIMIT $3 OFFSET $4`,
      [customer, query['filter[status]'], limit + 1, offset],
    );
    return {
      items: found.slice(0, limit).map(summary),
      ...(found.length > limit && { nextCursor: String(offset + limit) }),
    };
  }

  behind({ depth }: Place): string {
    return String(depth + 1);
  }
}

/** A cursor that holds the time and nothing else, as if no two orders were ever placed at the same one. */
export class TimeOnlyList extends OrderList implements Readable {
  constructor(private readonly rows: Database) {
    super(rows);
  }

  override async page(customer: string, { limit, cursor, ...query }: OrderQuery): Promise<OrderPage> {
    const found = await this.rows.query<Row>(
      `${select} WHERE customer = $1 AND status = $2 AND placed_at < $3 ORDER BY placed_at DESC LIMIT $4`,
      [customer, query['filter[status]'], cursor ?? 'infinity', limit + 1],
    );
    const items = found.slice(0, limit).map(summary);
    const last = found.length > limit ? items.at(-1) : undefined;
    return { items, ...(last && { nextCursor: last.placedAt }) };
  }

  behind({ placedAt }: Place): string {
    return placedAt;
  }
}
