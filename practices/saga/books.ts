import type { Transaction } from '@shop/platform';

/** What catalog and payments keep: how much of a product is where, and what each order holds of goods and money. */
export const tables = `
  CREATE TABLE stock (
    product uuid PRIMARY KEY, initial int NOT NULL, free int NOT NULL CHECK (free >= 0), reserved int NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    sold int NOT NULL DEFAULT 0);
  CREATE TABLE reservations (order_id uuid PRIMARY KEY, status text NOT NULL, product uuid, quantity int);
  CREATE TABLE money (order_id uuid PRIMARY KEY, status text NOT NULL);
`;

export interface Line {
  readonly productId: string;
  readonly quantity: number;
}

const RESERVE = `
  WITH taken AS (
    UPDATE stock SET free = free - $3, reserved = reserved + $3
    WHERE product = $2 AND free >= $3 AND NOT EXISTS (SELECT 1 FROM reservations WHERE order_id = $1) RETURNING 1)
  INSERT INTO reservations (order_id, status, product, quantity)
  SELECT $1, CASE WHEN EXISTS (SELECT 1 FROM taken) THEN 'reserved' ELSE 'refused' END, $2, $3
  ON CONFLICT DO NOTHING RETURNING status`;

const end = (ended: string, to: 'free' | 'sold') => `
  WITH ended AS (${ended} RETURNING product, quantity)
  UPDATE stock SET reserved = reserved - quantity, ${to} = ${to} + quantity FROM ended WHERE stock.product = ended.product`;
const RELEASE = end(
  `INSERT INTO reservations (order_id, status) VALUES ($1, 'released')
   ON CONFLICT (order_id) DO UPDATE SET status = 'released' WHERE reservations.status = 'reserved'`,
  'free',
);
const COMMIT = end(`UPDATE reservations SET status = 'sold' WHERE order_id = $1 AND status = 'reserved'`, 'sold');

/**
 * The two parties' rules, as the product's services have them: a step said twice, or undone before it was done, changes
 * nothing.
 */
export const books = {
  async reserve(
    tx: Transaction,
    orderId: string,
    { productId, quantity }: Line,
  ): Promise<'reserved' | 'refused' | undefined> {
    return (await tx.query<{ status: 'reserved' | 'refused' }>(RESERVE, [orderId, productId, quantity], 'reserve'))[0]
      ?.status;
  },
  release: (tx: Transaction, orderId: string): Promise<unknown> => tx.query(RELEASE, [orderId], 'release'),
  commit: (tx: Transaction, orderId: string): Promise<unknown> => tx.query(COMMIT, [orderId], 'commit'),

  async authorise(tx: Transaction, orderId: string, paymentToken: string): Promise<'held' | 'declined' | undefined> {
    const status = paymentToken === 'tok_declined' ? 'declined' : 'held';
    const sql = 'INSERT INTO money (order_id, status) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING status';
    return (await tx.query<{ status: 'held' | 'declined' }>(sql, [orderId, status], 'authorise'))[0]?.status;
  },
  letGo(tx: Transaction, orderId: string): Promise<unknown> {
    const sql = `INSERT INTO money (order_id, status) VALUES ($1, 'let go') ON CONFLICT (order_id) DO UPDATE SET status = 'let go' WHERE money.status = 'held'`;
    return tx.query(sql, [orderId], 'let-go');
  },
  take: (tx: Transaction, orderId: string): Promise<unknown> =>
    tx.query(`UPDATE money SET status = 'taken' WHERE order_id = $1 AND status = 'held'`, [orderId], 'take'),
};
