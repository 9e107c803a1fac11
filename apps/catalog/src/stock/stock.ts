import { Injectable } from '@nestjs/common';
import {
  commitStock,
  releaseStock,
  reserveStock,
  stockCommitted,
  stockRefused,
  stockReleased,
  stockReserved,
  type MessageOf,
} from '@shop/contracts';
import { event, Poison, type Effect, type Outgoing } from '@shop/eventing';
import type { Transaction } from '@shop/platform';

type Status = 'reserved' | 'refused' | 'released' | 'committed';
type Shortage = { productId: string; requested: number; available: number };

/**
 * All lines or none, in one statement whose parts are chained by their data (CTEs run in no stated order): product rows
 * are locked in id order, so two orders never wait for each other in a circle; only then is it decided, and stock moves
 * only if this statement made the reservation. A product that is unknown or off sale has nothing available. No row: the
 * order has a reservation, or a tombstone, already.
 */
const reserve = `
  WITH wanted AS (
    SELECT product_id, sum(quantity)::int AS quantity
    FROM unnest($2::uuid[], $3::int[]) AS line(product_id, quantity) GROUP BY product_id),
  locked AS MATERIALIZED (
    SELECT id, CASE WHEN active THEN free ELSE 0 END AS available
    FROM products WHERE id = ANY($2::uuid[]) ORDER BY id FOR NO KEY UPDATE),
  lines AS (
    SELECT product_id, quantity, coalesce(available, 0) AS available
    FROM wanted LEFT JOIN locked ON locked.id = wanted.product_id),
  reservation AS (
    INSERT INTO reservations (order_id, status, version)
    SELECT $1, CASE WHEN bool_and(available >= quantity) THEN 'reserved' ELSE 'refused' END, 1 FROM lines
    ON CONFLICT ON CONSTRAINT reservations_pkey DO NOTHING
    RETURNING status),
  granted AS (
    INSERT INTO reservation_lines (order_id, product_id, quantity)
    SELECT $1, product_id, quantity FROM lines, reservation WHERE status = 'reserved'
    RETURNING product_id, quantity),
  taken AS (
    UPDATE products SET free = free - quantity, reserved = reserved + quantity FROM granted WHERE id = product_id)
  SELECT status, (
    SELECT coalesce(json_agg(json_build_object('productId', product_id, 'requested', quantity, 'available', available) ORDER BY product_id), '[]')
    FROM lines WHERE available < quantity) AS shortages
  FROM reservation`;

/** What became of a reservation, and what there is now of each product that it wanted. */
const standing = `
  SELECT status, (
    SELECT coalesce(json_agg(json_build_object('productId', product_id, 'requested', quantity, 'available', coalesce(CASE WHEN active THEN free END, 0)) ORDER BY product_id), '[]')
    FROM (SELECT product_id, sum(quantity)::int AS quantity FROM unnest($2::uuid[], $3::int[]) AS line(product_id, quantity) GROUP BY product_id) AS wanted
    LEFT JOIN products ON id = product_id) AS lines
  FROM reservations WHERE order_id = $1`;

/** Ends a reservation by the CTE `ended` and moves what it held; lines exist only where something is held. */
const end = (ended: string, to: 'free' | 'sold') => `
  WITH ended AS (${ended} RETURNING order_id, version),
  held AS MATERIALIZED (
    SELECT line.product_id, line.quantity
    FROM ended JOIN reservation_lines AS line USING (order_id) JOIN products ON products.id = line.product_id
    ORDER BY products.id FOR NO KEY UPDATE OF products),
  moved AS (
    UPDATE products SET reserved = reserved - quantity, ${to} = ${to} + quantity FROM held WHERE id = product_id)
  SELECT version FROM ended`;

const release = end(
  `INSERT INTO reservations (order_id, status, version) VALUES ($1, 'released', 1)
   ON CONFLICT ON CONSTRAINT reservations_pkey DO UPDATE SET status = 'released', version = reservations.version + 1
   WHERE reservations.status IN ('reserved', 'refused')`,
  'free',
);

const commit = end(
  `UPDATE reservations SET status = 'committed', version = version + 1 WHERE order_id = $1 AND status = 'reserved'`,
  'sold',
);

/**
 * Sets stock aside for orders, gives it back, or sells it. Each step has one answer, numbered by the reservation's
 * version and written to the outbox with the move itself. A step that is asked for again, in another message, changes
 * nothing and is answered again by what became of it, without a number: whoever asks again has not been told.
 */
@Injectable()
export class Stock {
  /**
   * Answers stock-reserved, or stock-refused with every line that is short. After a release, even one that came first,
   * it holds nothing.
   */
  async reserve({ data: { orderId, lines } }: MessageOf<typeof reserveStock>, effect: Effect): Promise<void> {
    await effect.transaction(async (tx) => {
      const [made] = await tx.query<{ status: Status; shortages: Shortage[] }>(
        reserve,
        [orderId, lines.map((line) => line.productId), lines.map((line) => line.quantity)],
        'stock-reserve',
      );
      if (!made) return this.tellAgain(effect, tx, { orderId, lines });
      await effect.publish(tx, [answerOf(made.status, { orderId, shortages: made.shortages }, 1)]);
    });
  }

  /**
   * Answers stock-released. Without a reservation it leaves a tombstone, so that one which comes later holds nothing.
   */
  async release({ data: { orderId } }: MessageOf<typeof releaseStock>, effect: Effect): Promise<void> {
    await effect.transaction(async (tx) => {
      const [ended] = await tx.query<{ version: number }>(release, [orderId], 'stock-release');
      if (!ended) return this.tellAgain(effect, tx, { orderId, mustBe: 'released' });
      await effect.publish(tx, [answerOf('released', { orderId }, ended.version)]);
    });
  }

  /** Answers stock-committed: what was reserved is sold. */
  async commit({ data: { orderId } }: MessageOf<typeof commitStock>, effect: Effect): Promise<void> {
    await effect.transaction(async (tx) => {
      const [ended] = await tx.query<{ version: number }>(commit, [orderId], 'stock-commit');
      if (!ended) return this.tellAgain(effect, tx, { orderId, mustBe: 'committed' });
      await effect.publish(tx, [answerOf('committed', { orderId }, ended.version)]);
    });
  }

  /**
   * A step that moved nothing was either done before, or contradicts what became of the order: then a person has to
   * look.
   */
  private async tellAgain(effect: Effect, tx: Transaction, { orderId, lines = [], mustBe }: Again): Promise<void> {
    const wanted = [lines.map((line) => line.productId), lines.map((line) => line.quantity)];
    const [found] = await tx.query<{ status: Status; lines: Shortage[] }>(
      standing,
      [orderId, ...wanted],
      'stock-standing',
    );
    if (!found || (mustBe && found.status !== mustBe))
      throw new Poison(`Stock of order ${orderId} is ${found?.status ?? 'not reserved'}: it cannot be ${mustBe}.`);
    // What was refused stays refused, also where everything is to be had by now.
    const short = found.lines.filter(({ available, requested }) => available < requested);
    await effect.publish(tx, [answerOf(found.status, { orderId, shortages: short.length > 0 ? short : found.lines })]);
  }
}

interface Again {
  readonly orderId: string;
  readonly lines?: readonly { productId: string; quantity: number }[];
  /** What must have become of the order for this step to have been done; anything, where absent. */
  readonly mustBe?: Status;
}

/** The answer that tells what became of a reservation; `sequence` where it tells it for the first time. */
function answerOf(
  status: Status,
  { orderId, shortages = [] }: { orderId: string; shortages?: Shortage[] },
  sequence?: number,
): Outgoing {
  const about = { key: orderId, ...(sequence !== undefined && { sequence }) };
  switch (status) {
    case 'reserved':
      return event(stockReserved, { ...about, data: { orderId } });
    case 'refused':
      return event(stockRefused, { ...about, data: { orderId, shortages } });
    case 'released':
      return event(stockReleased, { ...about, data: { orderId } });
    case 'committed':
      return event(stockCommitted, { ...about, data: { orderId } });
  }
}
