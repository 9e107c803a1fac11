import { setTimeout as sleep } from 'node:timers/promises';
import { MessageBus, type BusMessage, type SubscribeOptions, type Subscription } from '@shop/eventing';
import pg from 'pg';

/** What it keeps its messages in. */
export const tables =
  'CREATE TABLE queue (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, topic text NOT NULL, key text, value text NOT NULL)';

/** As often as a consumer of Kafka may find something at its quickest. */
const POLL_MS = 5;

interface Row {
  readonly id: string;
  readonly topic: string;
  readonly key: string;
  readonly value: string;
}

/**
 * A queue without lanes, for one group: whichever instance is free takes the oldest messages that no other holds. It is
 * as careful as that can be: a message is deleted only when it is handled, what an instance held when it was killed is
 * free again at once, and nobody is handed what another holds.
 */
export class CompetingBus extends MessageBus {
  readonly #pool: pg.Pool;
  readonly #subscriptions = new Set<Subscription>();

  constructor(databaseUrl: string) {
    super();
    this.#pool = new pg.Pool({
      connectionString: databaseUrl,
      max: 2,
      connectionTimeoutMillis: 5_000,
      application_name: 'queue',
    });
    this.#pool.on('error', () => undefined);
  }

  override async publish(messages: readonly BusMessage[]): Promise<void> {
    const column = (of: (message: BusMessage) => string | undefined) => messages.map(of);
    await this.#pool.query(
      `INSERT INTO queue (topic, key, value)
       SELECT topic, key, value FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS new (topic, key, value, position) ORDER BY position`,
      [column(({ topic }) => topic), column(({ key }) => key), column(({ value }) => value)],
    );
  }

  override async prove(): Promise<void> {
    await this.#pool.query('SELECT 1');
  }

  override async subscribe(options: SubscribeOptions): Promise<Subscription> {
    const stopping = new AbortController();
    let polledAt = performance.now();
    const running = (async () => {
      while (!stopping.signal.aborted) {
        const handled = await this.#takeSome(options);
        polledAt = performance.now();
        if (handled === 0) await sleep(POLL_MS);
      }
    })();
    const subscription = {
      idleMs: () => performance.now() - polledAt,
      close: () => (stopping.abort(), running),
    };
    this.#subscriptions.add(subscription);
    return subscription;
  }

  override async close(): Promise<void> {
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.close()));
    await this.#pool.end();
  }

  /** Holds the oldest free messages until they are handled; says how many were. */
  async #takeSome({ topics, maxInFlight, handle }: SubscribeOptions): Promise<number> {
    const client = await this.#pool.connect();
    try {
      await client.query('BEGIN');
      const { rows } = await client.query<Row>(
        'SELECT id::text, topic, key, value FROM queue WHERE topic = ANY($1) ORDER BY queue.id LIMIT $2 FOR UPDATE SKIP LOCKED',
        [topics, maxInFlight],
      );
      const outcomes = await Promise.allSettled(rows.map((row) => handle({ ...row, headers: {} })));
      const done = rows.filter((_, index) => outcomes[index]?.status === 'fulfilled');
      await client.query('DELETE FROM queue WHERE id = ANY($1::bigint[])', [done.map(({ id }) => id)]);
      await client.query('COMMIT');
      return done.length;
    } finally {
      client.release();
    }
  }
}
