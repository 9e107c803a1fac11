import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { SHARDS } from './outgoing.ts';
import { Unpublishable, type MessageBus } from './bus.ts';

/** Advisory lock classes of the relay; the second key is the shard, or the member. */
export const SHARD_LOCK = 0x0b0c;
const MEMBER_LOCK = 0x0b0d;

/** Rows of one shard published together; a kill in between repeats at most this many. */
const BATCH = 128;
const FASTEST_POLL_MS = 5;
const SLOWEST_POLL_MS = 200;
const REBALANCE_EVERY_MS = 1_000;
/** A session that says nothing for so long is that of a stopped process: the server ends it, and its shards are free. */
const SILENT_MS = 5_000;
const HEARTBEAT_MS = 1_000;
/** How long a broker that does not answer may keep a relay from stopping. */
const STOP_DEADLINE_MS = 5_000;

/** What statistics say of a queue is wrong a moment later: read it by its key and in order, never all of it to sort it. */
const BY_KEY = '-c enable_seqscan=off -c enable_bitmapscan=off';

export interface RelayOptions {
  /** A direct connection, never through a pooler: the shard locks live and die with it. */
  readonly connectionString: string;
  readonly bus: MessageBus;
  readonly log: { info(o: object, m: string): void; warn(o: object, m: string): void; error(o: object, m: string): void };
  /** For tests and experiments: called between the broker's acknowledgement and the deletion. */
  readonly afterPublish?: (rows: number) => void | Promise<void>;
}

interface Row {
  shard: number;
  id: string;
  topic: string;
  key: string;
  payload: string;
}

/**
 * Publishes the outbox. Each shard has one owner at a time by a session advisory lock, so the messages of one key leave in order.
 * The owner reads by id, publishes, waits for every acknowledgement, deletes, and goes on, all on the connection that holds the lock:
 * when that connection is lost, so are its shards. No high-water mark, so a late commit is never skipped; a kill between publish and
 * delete repeats a batch, which the inbox of each consumer absorbs.
 */
export class Relay {
  readonly #options: RelayOptions;
  readonly #stopping = new AbortController();
  #owned = new Set<number>();
  #lastPoll = Date.now();
  #wake: (() => void) | undefined;
  #awake = false;
  #running: Promise<void> | undefined;
  #stopBy = Infinity;

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  /** Shards this instance owns now. */
  get owned(): ReadonlySet<number> {
    return this.#owned;
  }

  /** Milliseconds since the outbox was last read; a broker that is away does not count against it, since starting again would not bring it back. */
  idleMs(): number {
    return Date.now() - this.#lastPoll;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Something was committed: poll now. */
  wake(): void {
    this.#awake = true;
    this.#wake?.();
  }

  /** Finishes the batch in hand, unless the broker does not answer, then gives the shards back. */
  async stop(): Promise<void> {
    this.#stopBy = Date.now() + STOP_DEADLINE_MS;
    this.#stopping.abort();
    this.wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      try {
        await this.#session();
      } catch (error) {
        this.#options.log.warn({ err: error }, 'relay lost its connection or the broker; its shards are free until it is back');
        await sleep(500, undefined, { signal: this.#stopping.signal }).catch(() => {});
      }
    }
  }

  /** One connection's life: the shards it owns are the session's locks. */
  async #session(): Promise<void> {
    const client = new pg.Client({
      connectionString: this.#options.connectionString,
      application_name: 'relay',
      keepAlive: true,
      connectionTimeoutMillis: 5_000,
      query_timeout: 10_000,
      // A relay that was stopped without dying loses its session, and so its shards; also while rows are on their way to it.
      options: `-c idle_session_timeout=${SILENT_MS} -c tcp_user_timeout=${SILENT_MS} -c statement_timeout=10000 ${BY_KEY}`,
    });
    client.on('error', (error) => this.#options.log.warn({ err: error }, 'relay connection failed'));
    client.on('notification', () => this.wake());
    try {
      await client.connect();
      await client.query('LISTEN outbox');
      await client.query('SELECT pg_advisory_lock_shared($1, $2)', [MEMBER_LOCK, process.pid & 0x7fff]);
      await this.#publishUntilStopped(client);
    } finally {
      this.#owned = new Set();
      await client.end().catch(() => {});
    }
  }

  async #publishUntilStopped(client: pg.Client): Promise<void> {
    let balancedAt = 0;
    let pause = FASTEST_POLL_MS;
    while (!this.#stopping.signal.aborted) {
      if (Date.now() - balancedAt >= REBALANCE_EVERY_MS) {
        await this.#balance(client);
        balancedAt = Date.now();
      }
      this.#awake = false;
      const rows = this.#owned.size > 0 ? await this.#next(client) : [];
      this.#lastPoll = Date.now();
      if (rows.length > 0) await this.#publish(client, rows);
      // As long as there is work, no pause; then ever longer ones, cut short by wake().
      pause = rows.length > 0 ? 0 : Math.min(SLOWEST_POLL_MS, Math.max(FASTEST_POLL_MS, pause * 2));
      if (pause > 0) await this.#pause(pause);
    }
  }

  async #pause(ms: number): Promise<void> {
    if (this.#awake) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }

  /**
   * Takes free shards up to a fair share (members are counted by a lock each of them holds) and gives back what is over it.
   * Runs between batches only, so a shard given back has nothing of it in flight.
   */
  async #balance(client: pg.Client): Promise<void> {
    const { rows } = await client.query<{ members: number }>(
      `SELECT count(*)::int AS members FROM pg_locks
       WHERE locktype = 'advisory' AND classid = $1 AND granted
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      [MEMBER_LOCK],
    );
    const share = Math.ceil(SHARDS / Math.max(1, rows[0]?.members ?? 1));
    const over = [...this.#owned].slice(share);
    for (const shard of over) {
      await client.query('SELECT pg_advisory_unlock($1, $2)', [SHARD_LOCK, shard]);
      this.#owned.delete(shard);
    }
    if (this.#owned.size >= share || over.length > 0) return;
    // Each member begins at another shard, so that several do not queue for the same one.
    const first = process.pid % SHARDS;
    const wanted = Array.from({ length: SHARDS }, (_, i) => (first + i) % SHARDS).filter((shard) => !this.#owned.has(shard));
    for (const shard of wanted) {
      if (this.#owned.size >= share) break;
      const { rows: taken } = await client.query<{ got: boolean }>('SELECT pg_try_advisory_lock($1, $2) AS got', [SHARD_LOCK, shard]);
      if (taken[0]?.got) this.#owned.add(shard);
    }
  }

  /** One batch of every owned shard. */
  async #next(client: pg.Client): Promise<Row[]> {
    const { rows } = await client.query<Row>({
      name: 'outbox-next',
      text: `SELECT o.shard, o.id::text, o.topic, o.key, o.payload
             FROM unnest($1::smallint[]) AS owned(shard)
             CROSS JOIN LATERAL (SELECT * FROM outbox WHERE outbox.shard = owned.shard ORDER BY id LIMIT ${BATCH}) AS o
             ORDER BY o.shard, o.id`,
      values: [[...this.#owned]],
    });
    return rows;
  }

  async #publish(client: pg.Client, rows: readonly Row[]): Promise<void> {
    try {
      await this.#whileAwake(client, this.#options.bus.publish(rows.map(({ topic, key, payload }) => ({ topic, key, value: payload }))));
    } catch (error) {
      if (!(error instanceof Unpublishable)) throw error;
      return this.#isolate(client, rows, error);
    }
    await this.#options.afterPublish?.(rows.length);
    await client.query({
      name: 'outbox-done',
      // An id is unique beyond its shard, which is named for the sake of the key alone.
      text: 'DELETE FROM outbox WHERE shard = ANY ($1::smallint[]) AND id = ANY ($2::bigint[])',
      values: [[...new Set(rows.map((row) => row.shard))], rows.map((row) => row.id)],
    });
  }

  /** Waits for the broker as long as it takes, and keeps the session awake meanwhile: a slow broker must not cost the shards. */
  async #whileAwake(client: pg.Client, published: Promise<void>): Promise<void> {
    let heart: NodeJS.Timeout | undefined;
    const givenUp = new Promise<never>((_, reject) => {
      heart = setInterval(() => {
        if (Date.now() > this.#stopBy) reject(new Error('stopped while the broker did not answer: whoever is next publishes the batch again'));
        client.query('SELECT 1').catch(() => {});
      }, HEARTBEAT_MS);
    });
    await Promise.race([published, givenUp]).finally(() => clearInterval(heart));
  }

  /** Finds the row the broker will never take by halving, in order, and sets it aside so that its shard goes on. */
  async #isolate(client: pg.Client, rows: readonly Row[], error: Unpublishable): Promise<void> {
    const [row] = rows;
    if (rows.length > 1) {
      const middle = Math.ceil(rows.length / 2);
      await this.#publish(client, rows.slice(0, middle));
      return this.#publish(client, rows.slice(middle));
    }
    if (!row) return;
    this.#options.log.error({ shard: row.shard, id: row.id, topic: row.topic, key: row.key, err: error }, 'outbox row set aside: the broker refuses it');
    await client.query(
      `WITH bad AS (DELETE FROM outbox WHERE shard = $1 AND id = $2 RETURNING shard, id, topic, key, payload, created_at)
       INSERT INTO outbox_rejected (shard, id, topic, key, payload, created_at, reason) SELECT *, $3 FROM bad`,
      [row.shard, row.id, error.message],
    );
  }
}
