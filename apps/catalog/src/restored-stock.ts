import {
  productChanged,
  reserveStock,
  stockCommitted,
  stockRefused,
  stockReleased,
  stockReserved,
  type CloudEvent,
} from '@shop/contracts';
import type { Database, Transaction } from '@shop/platform';

/** What came of putting back what a restored database lacks. */
export interface PutBack {
  readonly products: number;
  readonly reservations: number;
  /** What could not be put back, or only by supposing something. */
  readonly lacking: readonly { readonly id: string; readonly reason: string }[];
}

type Status = 'reserved' | 'refused' | 'released' | 'committed';
const statusOf: Readonly<Record<string, Status>> = {
  [stockReserved.type]: 'reserved',
  [stockRefused.type]: 'refused',
  [stockReleased.type]: 'released',
  [stockCommitted.type]: 'committed',
};

interface Reservation {
  readonly status: Status;
  readonly version: number;
  readonly lines: readonly { readonly productId: string; readonly quantity: number }[];
}

/**
 * What the published answers about each order come to, with what it had asked for. `commands` are those that catalog is
 * given.
 */
export function reservationsOf(
  facts: readonly CloudEvent[],
  commands: readonly CloudEvent[],
): Map<string, Reservation> {
  const lines = new Map(
    commands
      .flatMap(({ type, data }) => (type === reserveStock.type ? [reserveStock.data.parse(data)] : []))
      .map((asked) => [asked.orderId, asked.lines] as const),
  );
  const latest = new Map<string, Reservation>();
  for (const { type, subject, sequence } of facts) {
    const [status, version] = [statusOf[type], Number(sequence ?? 0)];
    if (status && version > (latest.get(subject)?.version ?? 0))
      latest.set(subject, { status, version, lines: lines.get(subject) ?? [] });
  }
  return latest;
}

/** Where the quantity of a line is counted while its reservation is in a state; nowhere while nothing is held. */
const placeOf = (status: Status | undefined): 'free' | 'reserved' | 'sold' =>
  status === 'reserved' ? 'reserved' : status === 'committed' ? 'sold' : 'free';

/**
 * Puts products and reservations back that a restored database lacks, by what was published. Commands that are read
 * again find their reservation as it was and are answered by it. Deliveries that came in since are in no message: where
 * more was reserved than there is, there must have been one, and so much is supposed. To be repeated at will; with
 * `dryRun` it only says what it would do.
 */
export async function putBackStock(
  database: Database,
  {
    facts,
    commands,
    products,
    dryRun,
  }: {
    readonly facts: readonly CloudEvent[];
    readonly commands: readonly CloudEvent[];
    readonly products: readonly CloudEvent[];
    readonly dryRun: boolean;
  },
): Promise<PutBack> {
  const lacking: { id: string; reason: string }[] = [];
  const changed = await putBackProducts(database, products, dryRun, lacking);
  let reservations = 0;
  for (const [orderId, reservation] of reservationsOf(facts, commands)) {
    await database.transaction(async (tx) => {
      const [before] = await tx.query<{ status: Status; version: number }>(
        'SELECT status, version FROM reservations WHERE order_id = $1 FOR UPDATE',
        [orderId],
      );
      if ((before?.version ?? 0) >= reservation.version) return;
      reservations++;
      if (!dryRun) await putBackReservation(tx, orderId, before?.status, reservation, lacking);
    });
  }
  return { products: changed, reservations, lacking };
}

async function putBackReservation(
  tx: Transaction,
  orderId: string,
  before: Status | undefined,
  { status, version, lines: asked }: Reservation,
  lacking: { id: string; reason: string }[],
): Promise<void> {
  await tx.query(
    `INSERT INTO reservations (order_id, status, version) VALUES ($1, $2, $3)
     ON CONFLICT ON CONSTRAINT reservations_pkey DO UPDATE SET status = excluded.status, version = excluded.version`,
    [orderId, status, version],
  );
  const [from, to] = [placeOf(before), placeOf(status)];
  if (from === to) return;
  const held = before === 'reserved' || before === 'committed';
  const lines = held
    ? await tx.query<{ productId: string; quantity: number }>(
        'SELECT product_id AS "productId", quantity FROM reservation_lines WHERE order_id = $1',
        [orderId],
      )
    : asked;
  if (lines.length === 0)
    lacking.push({
      id: orderId,
      reason: `it is ${status}, and what it asked for is in no message: the stock of its products is to be counted`,
    });
  const wanted = new Map<string, number>();
  for (const { productId, quantity } of lines) wanted.set(productId, (wanted.get(productId) ?? 0) + quantity);
  for (const [productId, quantity] of [...wanted].sort()) {
    const [moved] = await tx.query<{ supposed: number }>(
      `WITH was AS (SELECT id, ${from} AS there FROM products WHERE id = $1 FOR UPDATE),
            short AS (SELECT id, greatest(0, $2::int - there) AS supposed FROM was)
       UPDATE products SET initial = initial + supposed, ${from} = ${from} + supposed - $2::int, ${to} = ${to} + $2::int FROM short WHERE products.id = short.id RETURNING supposed`,
      [productId, quantity],
    );
    if (!moved) lacking.push({ id: orderId, reason: `its product ${productId} is not there any more` });
    else if (!held)
      await tx.query(
        'INSERT INTO reservation_lines (order_id, product_id, quantity) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING',
        [orderId, productId, quantity],
      );
    if (moved && moved.supposed > 0)
      lacking.push({
        id: productId,
        reason: `${moved.supposed} more were reserved than there were: a delivery is supposed; count the shelf`,
      });
  }
}

/**
 * Later versions of products that are there. One that is not was made since: its stock number, description and stock
 * are in no message.
 */
async function putBackProducts(
  database: Database,
  products: readonly CloudEvent[],
  dryRun: boolean,
  lacking: { id: string; reason: string }[],
): Promise<number> {
  const latest = new Map<string, CloudEvent>();
  for (const one of products)
    if (one.type === productChanged.type && Number(one.sequence ?? 0) > Number(latest.get(one.subject)?.sequence ?? 0))
      latest.set(one.subject, one);
  const there = new Map(
    (
      await database.query<{ id: string; version: number }>('SELECT id, version FROM products WHERE id = ANY ($1)', [
        [...latest.keys()],
      ])
    ).map(({ id, version }) => [id, version]),
  );
  let changed = 0;
  for (const [id, { sequence, data }] of latest) {
    const { name, price, currency, active } = productChanged.data.parse(data);
    const before = there.get(id);
    if (before === undefined)
      lacking.push({
        id,
        reason: `the product "${name}" was made since: its SKU, description and stock are in no message; make it anew`,
      });
    if (before === undefined || before >= Number(sequence)) continue;
    changed++;
    if (!dryRun)
      await database.query(
        'UPDATE products SET name = $2, price = $3, currency = $4, active = $5, version = $6 WHERE id = $1 AND version < $6',
        [id, name, price, currency, active, Number(sequence)],
      );
  }
  return changed;
}
