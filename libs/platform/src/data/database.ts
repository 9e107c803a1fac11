import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import pg from 'pg';
import { assertWithinDeadline } from '../telemetry/deadline.ts';
import { translated } from './pg-errors.ts';

/** SQL inside one transaction. */
export interface Transaction {
  /** Rows of one statement. With a `name` it is a prepared statement, parsed once per connection. */
  query<T extends object = Record<string, unknown>>(text: string, values?: unknown[], name?: string): Promise<T[]>;
}

export interface DatabaseOptions {
  /** Connections at most. */
  readonly size: number;
  /** Shown in pg_stat_activity. */
  readonly application: string;
}

/** A service's own Postgres database, through a bounded pool in which nothing waits for ever. */
@Injectable()
export class Database implements Transaction, OnModuleInit, OnApplicationShutdown {
  readonly pool: pg.Pool;

  constructor(url: string, { size, application }: DatabaseOptions) {
    this.pool = new pg.Pool({
      connectionString: url,
      max: size,
      application_name: application,
      keepAlive: true,
      connectionTimeoutMillis: 3_000,
      idleTimeoutMillis: 30_000,
      statement_timeout: 5_000,
      // Longer than the server's own timeout, for a server that does not answer at all.
      query_timeout: 7_000,
      lock_timeout: 4_000,
      idle_in_transaction_session_timeout: 5_000,
    });
    // An idle connection that breaks is replaced by the pool; without a listener the error would end the process.
    this.pool.on('error', () => undefined);
  }

  async onModuleInit(): Promise<void> {
    await this.pool.query('SELECT 1');
  }

  async query<T extends object = Record<string, unknown>>(text: string, values?: unknown[], name?: string): Promise<T[]> {
    assertWithinDeadline();
    try {
      return (await this.pool.query<T>({ text, values, name })).rows;
    } catch (error) {
      throw translated(error);
    }
  }

  /** Runs `work` in one transaction (READ COMMITTED): committed when it returns, rolled back when it throws, and what it throws comes out. */
  async transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    assertWithinDeadline();
    const client = await this.pool.connect().catch(rethrow);
    const query = async (text: string, values?: unknown[], name?: string) => (await client.query({ text, values, name }).catch(rethrow)).rows as never;
    let broken: Error | undefined;
    try {
      await query('BEGIN');
      const result = await work({ query });
      await query('COMMIT');
      return result;
    } catch (error) {
      await client.query('ROLLBACK').catch((failure: Error) => (broken = failure));
      throw error;
    } finally {
      client.release(broken);
    }
  }

  async close(): Promise<void> {
    await this.pool.end();
  }

  onApplicationShutdown(): Promise<void> {
    return this.close();
  }
}

/** Only what the database says is translated; what the work inside a transaction throws is its own. */
function rethrow(error: unknown): never {
  throw translated(error);
}
