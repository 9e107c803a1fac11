import { orderConfirmed, type MessageOf } from '@shop/contracts';
import { Consumer, on, Poison } from '@shop/eventing';
import type { Database, Transaction } from '@shop/platform';

export type Confirmed = MessageOf<typeof orderConfirmed>;

/** The currency that nobody has given a rate: the message is well-formed, and no retry helps. */
export const UNKNOWN_CURRENCY = 'XTS';

/** Points for each confirmed order, by its currency's rate; and every time that a consumer was given a message. */
export const tables = `
  CREATE TABLE rates (currency text PRIMARY KEY, points int NOT NULL);
  INSERT INTO rates (currency, points) VALUES ('EUR', 1);
  CREATE TABLE credits (n bigint GENERATED ALWAYS AS IDENTITY, key text, sequence int, points bigint NOT NULL, PRIMARY KEY (key, sequence));
  CREATE TABLE deliveries (key text NOT NULL, sequence int NOT NULL);
`;

/** Every variant's handler notes first that it was called. */
export async function note(database: Database, { subject, sequence }: Confirmed): Promise<void> {
  await database.query('INSERT INTO deliveries (key, sequence) VALUES ($1, $2)', [subject, sequence], 'delivery');
}

/** What every variant does with a message. Doing it again changes nothing. */
export async function credit(tx: Transaction, { subject, sequence, data }: Confirmed): Promise<void> {
  const [rate] = await tx.query<{ points: number }>(
    'SELECT points FROM rates WHERE currency = $1',
    [data.currency],
    'rate',
  );
  if (!rate) throw new Poison(`there is no rate for ${data.currency}`);
  await tx.query(
    'INSERT INTO credits (key, sequence, points) VALUES ($1, $2, $3) ON CONFLICT (key, sequence) DO NOTHING',
    [subject, sequence, data.total * rate.points],
    'credit',
  );
}

/** As the product's consumers do it. */
export class Points extends Consumer {
  readonly name = 'orders.list';
  readonly handlers = [
    on(orderConfirmed, async (message, effect) => {
      await note(this.database, message);
      await effect.transaction((tx) => credit(tx, message));
    }),
  ];

  constructor(private readonly database: Database) {
    super();
  }
}
