import { Database, type Transaction } from '@shop/platform';
import pg from 'pg';

/** How a service comes by a connection for a statement: the port that all three ways fill. */
export type Connections = Pick<Transaction, 'query'>;

/** As the product does it: at most ten, whoever comes when all are busy waits for one, three seconds at most. */
export const bounded = (url: string): Connections => new Database(url, { size: 10, application: 'practice' });

/** A connection for each request, closed afterwards: what one writes first. */
export class EachItsOwn implements Connections {
  constructor(private readonly url: string) {}

  async query<T extends object>(text: string, values?: unknown[]): Promise<T[]> {
    const client = new pg.Client({ connectionString: this.url, connectionTimeoutMillis: 3_000 });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return (await client.query<T>(text, values)).rows;
    } finally {
      await client.end();
    }
  }
}

/** A pool that may grow as large as the load, with pg's other defaults. */
export class AsManyAsAsked implements Connections {
  readonly #pool: pg.Pool;

  constructor(url: string) {
    this.#pool = new pg.Pool({ connectionString: url, max: 500, connectionTimeoutMillis: 3_000 });
    this.#pool.on('error', () => undefined);
  }

  async query<T extends object>(text: string, values?: unknown[]): Promise<T[]> {
    return (await this.#pool.query<T>(text, values)).rows;
  }
}
