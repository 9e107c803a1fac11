import { Injectable, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { bulkhead, type BulkheadPolicy } from 'cockatiel';
import pg from 'pg';
import { assertWithinDeadline } from '../telemetry/deadline.ts';
import { calling } from '../telemetry/tracing.ts';
import { havingItsTurn, isInBackground } from './background.ts';
import { poolIsBusy, translated, treatmentOf, unavailable } from './pg-errors.ts';
import { passOver, Primary } from './primary.ts';

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

/** Looks at the database behind a connection; rejects where it must not be used. */
export type Admission = (ask: <T>(text: string) => Promise<T[]>) => Promise<void>;

/** How often the server is asked whether it is there, in ms. */
const pulse = 2_000;
/**
 * Connections that lead to a server which is not the one looked for are replaced together, but no more often than this,
 * in ms: it may be all there is.
 */
const renewal = 1_000;
/** No connection of a busy pool has come back well for this long, in ms: longer than any statement may take. */
const silence = 8_000;

/**
 * A service's own Postgres database, through a bounded pool in which nothing waits for ever. What may work in a moment
 * (no connection, a deadlock, a lock not had in time; `treatments` has them all) is thrown as DomainError
 * `unavailable`; other errors are pg's own. The URL may name several hosts, of which the one is used that answers and,
 * with `target_session_attrs=read-write`, takes writes.
 */
@Injectable()
export class Database implements Transaction, OnModuleInit, OnApplicationShutdown {
  readonly pool: pg.Pool;
  readonly #primary: Primary;
  /** Of which generation a connection is. All of an older one are replaced when they are met. */
  readonly #generations = new WeakMap<object, number>();
  #generation = 0;
  #renewedAt = -Infinity;
  /**
   * Whatever piles up in the background, requests find the other half of the connections free of it, and none of it in
   * their queue.
   */
  readonly #background: BulkheadPolicy;
  #pulse: NodeJS.Timeout | undefined;
  #admission: Admission | undefined;
  readonly #admitted = new WeakSet<object>();
  #trouble: string | undefined;
  #isReadOnly = false;
  /** When a connection last came back to the pool and was not lost. */
  #answeredAt = performance.now();
  #closed: Promise<void> | undefined;

  constructor(url: string, { size, application }: DatabaseOptions) {
    this.#primary = new Primary(url);
    this.pool = new pg.Pool({
      Client: this.#primary.Client,
      max: size,
      application_name: application,
      keepAlive: true,
      connectionTimeoutMillis: 3_000,
      idleTimeoutMillis: 30_000,
      statement_timeout: 5_000,
      // Longer than the server's own timeout: for a server, or a network, that does not answer at all.
      query_timeout: 7_000,
      // Also how long the repeat of a request waits for the first one, which holds its Idempotency-Key.
      lock_timeout: 2_000,
      idle_in_transaction_session_timeout: 5_000,
    });
    this.#background = bulkhead(Math.max(1, Math.floor(size / 2)), Infinity);
    // A connection that breaks, idle or in use, is replaced by the pool; without listeners the event would end the
    // process.
    this.pool.on('error', () => undefined);
    this.pool.on('connect', (client) => {
      this.#generations.set(client, this.#generation);
      client.on('error', () => undefined);
    });
    this.pool.on('release', (lost: unknown) => !lost && (this.#answeredAt = performance.now()));
    // Prisma is given this pool too (prisma.ts), so it is the pool that says `unavailable`.
    this.pool.query = ((...query: [pg.QueryConfig]) =>
      this.#inTurn(() => this.#single(query))) as typeof this.pool.query;
  }

  /** Why the database cannot be used at the moment, as of a second or two ago; undefined when it can. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /** Why it is of use for reading only, as of a second or two ago. */
  get shortcoming(): string | undefined {
    return this.#isReadOnly ? `the database ${this.#primary.name} takes no writes` : undefined;
  }

  /** From now on every connection is looked at once before it is used: another database may stand behind a new one. */
  admitBy(admission: Admission): void {
    this.#admission = admission;
  }

  /** Fails the start of a service whose database cannot be reached, and keeps an eye on it from then on. */
  async onModuleInit(): Promise<void> {
    await this.#ask();
    if (this.#trouble !== undefined) throw new Error(this.#trouble);
    this.#pulse = setInterval(() => void this.#ask(), pulse).unref();
  }

  async query<T extends object = Record<string, unknown>>(
    text: string,
    values?: unknown[],
    name?: string,
  ): Promise<T[]> {
    assertWithinDeadline();
    const { rows } = await this.pool.query<T>({ text, values, name });
    return rows;
  }

  /** Runs `work` in one transaction (READ COMMITTED): committed when it returns, rolled back when it throws. */
  transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    return this.#inTurn(() => this.#transaction(work));
  }

  /** Waits for what is under way, then closes all connections. */
  close(): Promise<void> {
    clearInterval(this.#pulse);
    return (this.#closed ??= this.pool.end());
  }

  onApplicationShutdown(): Promise<void> {
    return this.close();
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    return isInBackground() ? this.#background.execute(havingItsTurn(work)) : work();
  }

  async #transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    assertWithinDeadline();
    const client = await this.#connect();
    let broken = false;
    const run = async (query: pg.QueryConfig): Promise<pg.QueryResult> => {
      try {
        return await client.query(query);
      } catch (error) {
        broken ||= this.#spoils(client, error);
        throw translated(error);
      }
    };
    try {
      await run({ text: 'BEGIN' });
      const result = await work({
        query: async <R>(text: string, values?: unknown[], name?: string) =>
          (await asked({ text, values, name }, run)).rows as R[],
      });
      const { command } = await run({ text: 'COMMIT' });
      // Postgres answers COMMIT with ROLLBACK, and no error, when a statement had failed and `work` went on all the
      // same.
      if (command !== 'COMMIT')
        throw new Error('A statement of this transaction failed and was ignored: nothing was written.');
      return result;
    } catch (error) {
      if (!broken) await run({ text: 'ROLLBACK' }).catch(() => (broken = true));
      throw error;
    } finally {
      client.release(broken);
    }
  }

  /** A connection of today's generation. Whatever keeps it from being had may be over in a moment. */
  async #connect(): Promise<pg.PoolClient> {
    try {
      for (;;) {
        const client = await this.#primary.each(
          () => this.pool.connect(),
          (error) => !poolIsBusy(error),
        );
        if (this.#generations.get(client) === this.#generation && (await this.#isAdmitted(client))) return client;
        client.release(true);
      }
    } catch (error) {
      throw unavailable(error);
    }
  }

  /** Rejects where the server behind a new connection must not be used. */
  async #isAdmitted(client: pg.PoolClient): Promise<boolean> {
    if (!this.#admission || this.#admitted.has(client)) return true;
    try {
      await this.#admission(async <T>(text: string) => (await client.query(text)).rows as T[]);
    } catch (error) {
      client.release(true);
      throw error;
    }
    this.#admitted.add(client);
    return true;
  }

  /** Whether a connection is no good after this error. */
  #spoils(client: pg.PoolClient, error: unknown): boolean {
    const { drop } = treatmentOf(error);
    if (drop !== 'all') return drop !== undefined;
    if (performance.now() - this.#renewedAt > renewal) {
      this.#renewedAt = performance.now();
      this.#generation++;
      passOver(client);
    }
    return this.#generations.get(client) !== this.#generation;
  }

  /**
   * One statement, once more where surely nothing came of the first. pg's own `query` would throw a connection away
   * with every statement that is refused, such as one whose key is taken.
   */
  async #single(query: [pg.QueryConfig], isLast = false): Promise<pg.QueryResult> {
    const client = await this.#connect();
    let isSpoiled = false;
    try {
      return await asked(query[0], () => client.query(...query));
    } catch (error) {
      isSpoiled = this.#spoils(client, error);
      if (isLast || !treatmentOf(error).again) throw translated(error);
    } finally {
      client.release(isSpoiled);
    }
    return this.#single(query, true);
  }

  async #ask(): Promise<void> {
    // A pool at its limit is not asked, too: what its users hear says enough.
    if (this.pool.totalCount >= this.pool.options.max && this.pool.idleCount === 0) {
      const seconds = Math.round((performance.now() - this.#answeredAt) / 1_000);
      return this.#note(seconds * 1_000 > silence ? `it does not answer, for ${seconds} s now` : undefined);
    }
    try {
      const { rows } = await this.pool.query<{ transaction_read_only: string }>('SHOW transaction_read_only');
      this.#isReadOnly = rows[0]?.transaction_read_only === 'on';
      this.#note(undefined);
    } catch (error) {
      const { code, message } = ((error as Error).cause ?? error) as NodeJS.ErrnoException;
      this.#note(message || code);
    }
  }

  #note(trouble: string | undefined): void {
    this.#trouble = trouble && `the database ${this.#primary.name} cannot be used: ${trouble}`;
  }
}

/** One statement in the trace: by its name, or by its first word, never by its text or values. */
function asked(
  query: pg.QueryConfig,
  ask: (query: pg.QueryConfig) => Promise<pg.QueryResult>,
): Promise<pg.QueryResult> {
  const name = query.name ?? firstWord(query.text);
  return calling(name, { 'db.system.name': 'postgresql', 'db.query.summary': name }, () => ask(query));
}

const firstWord = (text: string) => /[A-Za-z]+/.exec(text)?.[0].toUpperCase() ?? 'SQL';
