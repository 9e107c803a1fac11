import { setTimeout as sleep } from 'node:timers/promises';
import type { MessageBus, Relay } from '@shop/eventing';
import pg from 'pg';

/** Carries the rows of the outbox to the bus: what the product's relay and the naive ones have in common. */
export type Carrier = Pick<Relay, 'start' | 'stop'>;

interface Row {
  readonly id: string;
  readonly topic: string;
  readonly key: string;
  readonly payload: string;
}

/** As many as the product's relay takes of one shard. */
const BATCH = 128;
/** As often as the product's relay looks when it is at its quickest. */
const POLL_MS = 5;

/** Polls on a connection of its own until it is stopped; how it finds what to publish is up to each. */
abstract class PollingRelay implements Carrier {
  readonly #bus: MessageBus;
  protected readonly client: pg.Client;
  #stopped = false;
  #running: Promise<void> | undefined;

  constructor(databaseUrl: string, bus: MessageBus) {
    this.#bus = bus;
    this.client = new pg.Client({
      connectionString: databaseUrl,
      connectionTimeoutMillis: 5_000,
      application_name: 'naive relay',
    });
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
    await this.client.end();
  }

  /** Publishes what there is; answers how much that was. */
  protected abstract poll(): Promise<number>;

  protected publish(rows: readonly Row[]): Promise<void> {
    return this.#bus.publish(rows.map(({ topic, key, payload }) => ({ topic, key, value: payload })));
  }

  async #run(): Promise<void> {
    await this.client.connect();
    while (!this.#stopped) {
      if ((await this.poll()) === 0) await sleep(POLL_MS);
    }
  }
}

/** Remembers the last id it has published and asks for what comes after it. */
export class CursorRelay extends PollingRelay {
  #last = '0';

  protected override async poll(): Promise<number> {
    const { rows } = await this.client.query<Row>(
      `SELECT id::text, topic, key, payload FROM outbox WHERE id > $1 ORDER BY outbox.id LIMIT ${BATCH}`,
      [this.#last],
    );
    await this.publish(rows);
    this.#last = rows.at(-1)?.id ?? this.#last;
    return rows.length;
  }
}

/**
 * Waits until no older transaction is under way, so that nothing appears behind its cursor; goes by transaction, then
 * by id.
 */
export class XminRelay extends PollingRelay {
  #last = { transaction: '0', id: '0' };

  protected override async poll(): Promise<number> {
    const { rows } = await this.client.query<Row & { transaction: string }>(
      `SELECT transaction_id::text AS transaction, id::text, topic, key, payload FROM outbox
       WHERE (transaction_id, id) > ($1::xid8, $2) AND transaction_id < pg_snapshot_xmin(pg_current_snapshot())
       ORDER BY transaction_id, outbox.id LIMIT ${BATCH}`,
      [this.#last.transaction, this.#last.id],
    );
    await this.publish(rows);
    this.#last = rows.at(-1) ?? this.#last;
    return rows.length;
  }
}

/** Takes rows that no other worker holds, publishes and deletes them in one transaction. */
export class SkipLockedRelay extends PollingRelay {
  protected override async poll(): Promise<number> {
    await this.client.query('BEGIN');
    const { rows } = await this.client.query<Row>(
      `SELECT id::text, topic, key, payload FROM outbox ORDER BY outbox.id LIMIT ${BATCH} FOR UPDATE SKIP LOCKED`,
    );
    await this.publish(rows);
    await this.client.query('DELETE FROM outbox WHERE id = ANY($1::bigint[])', [rows.map(({ id }) => id)]);
    await this.client.query('COMMIT');
    return rows.length;
  }
}
