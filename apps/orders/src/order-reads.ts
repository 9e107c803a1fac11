import { Injectable } from '@nestjs/common';
import { Database } from '@shop/platform';

/** Somebody who serves customers read what is a customer's. */
export interface OrderRead {
  readonly reader: string;
  readonly order: string;
  readonly customer: string;
  readonly what: 'order' | 'history';
}

/** Who looked at whose order: a table that only grows. The line is there before anything is shown. */
@Injectable()
export class OrderReads {
  constructor(private readonly database: Database) {}

  async note({ reader, order, customer, what }: OrderRead): Promise<void> {
    await this.database.query(
      'INSERT INTO order_reads (reader, order_id, customer, what) VALUES ($1, $2, $3, $4)',
      [reader, order, customer, what],
      'order-read',
    );
  }

  /** Latest first. */
  latest(limit: number): Promise<(OrderRead & { at: Date })[]> {
    return this.database.query(
      'SELECT at, reader, order_id AS "order", customer, what FROM order_reads ORDER BY id DESC LIMIT $1',
      [limit],
    );
  }
}
