import { orderConfirmed, type MessageOf } from '@shop/contracts';
import { Consumer, on } from '@shop/eventing';
import type { Database, Transaction } from '@shop/platform';

type Confirmed = MessageOf<typeof orderConfirmed>;

/** What a confirmed order does: points for the customer, and a line that says for which message. */
export const tables = `
  CREATE TABLE points (customer text PRIMARY KEY, balance bigint NOT NULL DEFAULT 0);
  CREATE TABLE credits (n bigint GENERATED ALWAYS AS IDENTITY, key text NOT NULL, sequence int NOT NULL);
`;

async function credit(tx: Transaction, { subject, sequence, data }: Confirmed): Promise<void> {
  await tx.query(
    'INSERT INTO points (customer, balance) VALUES ($1, $2) ON CONFLICT (customer) DO UPDATE SET balance = points.balance + $2',
    [subject, data.total],
    'points',
  );
  await tx.query('INSERT INTO credits (key, sequence) VALUES ($1, $2)', [subject, sequence], 'credit');
}

/** As the product's consumers do it: the effect in the transaction that first notes the message in the inbox. */
export class WithInbox extends Consumer {
  readonly name = 'orders.list';
  readonly handlers = [on(orderConfirmed, (message, effect) => effect.transaction((tx) => credit(tx, message)))];
}

/** The same effect in a transaction of its own: still all or nothing, still acknowledged only afterwards. */
export class WithoutInbox extends Consumer {
  readonly name = 'orders.list';
  readonly handlers = [on(orderConfirmed, (message) => this.database.transaction((tx) => credit(tx, message)))];

  constructor(private readonly database: Database) {
    super();
  }
}
