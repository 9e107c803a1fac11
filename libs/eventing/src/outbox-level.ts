import { setTimeout as sleep } from 'node:timers/promises';
import { connectToPrimary } from '@shop/platform';
import type pg from 'pg';

const EVERY_MS = 5_000;

export interface OutboxLevelOptions {
  readonly connectionString: string;
  /** One look, by the connection that it is given. */
  readonly look: (client: pg.Client) => Promise<void>;
  /** How often, in ms. */
  readonly everyMs?: number | undefined;
}

/**
 * Looks at what waits in an outbox, every few seconds, by a connection and a timer of its own: a relay that is stuck,
 * in whatever way, cannot keep it from being seen that it is. What fails is looked at again next time, by a new
 * connection.
 */
export class OutboxLevel {
  readonly #options: OutboxLevelOptions;
  readonly #stopping = new AbortController();
  #looking: Promise<void> | undefined;
  #client: pg.Client | undefined;

  constructor(options: OutboxLevelOptions) {
    this.#options = options;
  }

  start(): void {
    this.#looking ??= this.#untilStopped();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#looking;
    await this.#drop();
  }

  async #untilStopped(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await this.#look().catch(() => this.#drop());
      await sleep(this.#options.everyMs ?? EVERY_MS, undefined, { signal }).catch(() => {});
    }
  }

  async #look(): Promise<void> {
    const config: pg.ClientConfig = {
      application_name: 'outbox level',
      keepAlive: true,
      connectionTimeoutMillis: 5_000,
      query_timeout: 5_000,
      options: '-c statement_timeout=5000 -c enable_seqscan=off -c enable_bitmapscan=off',
    };
    this.#client ??= await connectToPrimary(
      this.#options.connectionString,
      config,
      (client) => void client.on('error', () => {}),
    );
    await this.#options.look(this.#client);
  }

  async #drop(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => {});
  }
}
