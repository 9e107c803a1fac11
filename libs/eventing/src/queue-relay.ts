import { connectToPrimary } from '@shop/platform';
import type pg from 'pg';
import { SHARDS } from './outgoing.ts';
import type { DestinationsDown } from './destinations-down.ts';
import { holdFrom, rejectFrom } from './held-messages.ts';
import type { Waiting } from './metrics.ts';
import { BATCH, BATCH_BYTES, Relay, SILENT_MS, type OutboxMessage } from './relay.ts';
import { RelayPause } from './relay-pause.ts';
import { Settled } from './settled.ts';

/** Advisory lock classes of the relay; the second key is the shard, or the member. */
export const SHARD_LOCK = 0x0b0c;
const MEMBER_LOCK = 0x0b0d;

/** Whoever commits wakes it; polling finds what was committed by one who died before that. */
const FASTEST_POLL_MS = 50;
const SLOWEST_POLL_MS = 200;
const REBALANCE_EVERY_MS = 1_000;
const PROVE_AGAIN_MS = 500;
/** Beyond it a queue is long, and counting it would only make it longer. */
const MOST_COUNTED = 100_000;

/**
 * It only deletes what is published. A server that crashes may forget the deletions of its last moments; their messages
 * are published once more, as after a kill.
 */
const FORGETFUL = '-c synchronous_commit=off';

/**
 * What statistics say of a queue is wrong a moment later: read it by its key and in order, never all of it to sort it.
 */
const BY_KEY = '-c enable_seqscan=off -c enable_bitmapscan=off';

/**
 * Publishes the outbox table. Each shard has one owner at a time by a session advisory lock, so the messages of one key
 * leave in order. The owner reads by id, publishes, waits for every acknowledgement, deletes what was published and
 * reads on in one statement, all on the connection that holds the lock: when that connection is lost, so are its
 * shards. No high-water mark, so a late commit is never skipped; a kill between publish and delete repeats a batch,
 * which the inbox of each consumer absorbs.
 */
export class QueueRelay extends Relay {
  readonly #settled = new Settled();
  #owned = new Set<number>();
  #wake: (() => void) | undefined;
  #awake = false;
  /**
   * Which shard's messages go first into a batch; another one each time, so that none waits behind another's large
   * messages.
   */
  #turn = 0;
  /** Nobody publishes now. */
  #paused = false;

  /** Shards this instance owns now. */
  get owned(): ReadonlySet<number> {
    return this.#owned;
  }

  /** Poll now. */
  override wake(): void {
    this.#awake = true;
    this.#wake?.();
  }

  /** The shards it owns are the session's locks. */
  protected override async session(): Promise<void> {
    const client = await this.#connect();
    try {
      await this.#warnOfSlot(client);
      await this.#untilProven(client);
      await client.query('LISTEN outbox');
      await client.query('SELECT pg_advisory_lock_shared($1, $2)', [MEMBER_LOCK, process.pid & 0x7fff]);
      await this.#publishUntilStopped(client);
    } finally {
      this.#owned = new Set();
      this.#settled.forget();
      await client.end().catch(() => {});
    }
  }

  /** To a server that takes writes: what is published and cannot be deleted would be published again and again. */
  #connect(): Promise<pg.Client> {
    const config: pg.ClientConfig = {
      application_name: 'relay',
      keepAlive: true,
      connectionTimeoutMillis: 5_000,
      query_timeout: 10_000,
      // A relay that was stopped without dying loses its session, and so its shards; also while rows are on their way
      // to it.
      options: `-c idle_session_timeout=${SILENT_MS} -c tcp_user_timeout=${SILENT_MS} -c statement_timeout=10000 ${FORGETFUL} ${BY_KEY}`,
    };
    return connectToPrimary(this.options.connectionString, config, (client) => {
      client.on('error', (error) => this.options.log.warn({ err: error }, 'relay connection failed'));
      client.on('notification', () => this.wake());
    });
  }

  /** Whoever changed drivers and left the slot behind would find the disk full some day. */
  async #warnOfSlot(client: pg.Client): Promise<void> {
    const { rows } = await client.query<{ slot: string }>('SELECT slot FROM outbox_slot');
    if (rows[0])
      this.options.log.error(
        rows[0],
        'this outbox was left in the write-ahead log before, and its slot keeps the log for ever: see docs/adr/0015',
      );
  }

  async #publishUntilStopped(client: pg.Client): Promise<void> {
    const [down, pause] = [this.hold(client), new RelayPause(client)];
    let [balancedAt, idle] = [-Infinity, FASTEST_POLL_MS];
    let published: readonly OutboxMessage[] = [];
    while (!this.stopping.aborted) {
      if (performance.now() - balancedAt >= REBALANCE_EVERY_MS) {
        await this.#delete(client, published);
        published = [];
        await this.#rebalance(client, down);
        this.#paused = await pause.look(down.isUnderWay);
        balancedAt = performance.now();
      }
      this.#awake = false;
      const more = !this.#paused && down.size > 0 && (await down.tend([...this.#owned]));
      const rows = this.#owned.size > 0 && !this.#paused ? await this.#next(client, published) : [];
      this.heard();
      if (rows.length > 0) await this.#carry(client, rows);
      published = rows;
      // As long as there is work, no pause; then ever longer ones, cut short by wake().
      idle =
        rows.length > 0 ? 0 : Math.min(more ? FASTEST_POLL_MS : SLOWEST_POLL_MS, Math.max(FASTEST_POLL_MS, idle * 2));
      if (idle > 0) await this.#untilWoken(idle);
    }
    await this.#delete(client, published);
  }

  async #untilProven(client: pg.Client): Promise<void> {
    this.heard();
    while (!this.stopping.aborted && !(await this.proven())) {
      await client.query('SELECT 1');
      this.heard();
      await this.pause(PROVE_AGAIN_MS);
    }
  }

  /** Once a second. What another has held back is known before anything is read. */
  async #rebalance(client: pg.Client, down: DestinationsDown): Promise<void> {
    await this.proveNowAndThen();
    await this.#balance(client);
    await down.look([...this.#owned]);
    await this.#settled.advance(client, this.#owned);
  }

  async #untilWoken(ms: number): Promise<void> {
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
   * Takes free shards up to a fair share (members are counted by a lock each of them holds) and gives back what is over
   * it. Runs between batches only, so a shard given back has nothing of it in flight.
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
    const wanted = Array.from({ length: SHARDS }, (_, i) => (first + i) % SHARDS).filter(
      (shard) => !this.#owned.has(shard),
    );
    for (const shard of wanted) {
      if (this.#owned.size >= share) break;
      const { rows: taken } = await client.query<{ got: boolean }>('SELECT pg_try_advisory_lock($1, $2) AS got', [
        SHARD_LOCK,
        shard,
      ]);
      if (!taken[0]?.got) continue;
      this.#owned.add(shard);
      this.#settled.forget();
    }
  }

  /**
   * Deletes what was published, and reads the first of every owned shard, then the second of each, as many as fit into
   * a batch; in the order of each shard.
   */
  async #next(client: pg.Client, published: readonly OutboxMessage[]): Promise<OutboxMessage[]> {
    const { rows } = await client.query<OutboxMessage>({
      name: 'outbox-next',
      // Both parts see what was there before: what the one deletes, the other has to pass over.
      text: `WITH done AS (${deletion('$4', '$5')})
             SELECT shard, id::text, topic, key, payload
             FROM (SELECT o.*, sum(o.size) OVER (ORDER BY o.place, (o.shard + ${SHARDS} - $2::int) % ${SHARDS}) AS total
                   FROM unnest($1::smallint[]) AS owned(shard)
                   CROSS JOIN LATERAL (
                     SELECT *, octet_length(payload) AS size, row_number() OVER (ORDER BY id) AS place
                     FROM outbox WHERE outbox.shard = owned.shard AND id > $3 AND id <> ALL ($5::bigint[]) ORDER BY id LIMIT ${BATCH}) AS o) AS next
             WHERE total <= ${BATCH_BYTES} OR total = size
             ORDER BY shard, next.id`,
      values: [[...this.#owned], this.#turn++ % SHARDS, this.#settled.upTo, ...keysOf(published)],
    });
    return rows;
  }

  async #carry(client: pg.Client, rows: readonly OutboxMessage[]): Promise<void> {
    const { refused, held } = await this.publish(rows, () => void client.query('SELECT 1').catch(() => {}));
    if (refused.length > 0) await rejectFrom(client, 'outbox', refused);
    if (held.length > 0) await holdFrom(client, 'outbox', held);
  }

  /** Before shards change hands, and in the end. */
  async #delete(client: pg.Client, published: readonly OutboxMessage[]): Promise<void> {
    if (published.length > 0)
      await client.query({ name: 'outbox-done', text: deletion('$1', '$2'), values: keysOf(published) });
  }

  /**
   * Of every shard, whoever owns it, or nobody; and what is held: an owner that stands still would not tell, and no
   * owner cannot.
   */
  protected override async waiting(client: pg.Client): Promise<Waiting> {
    const { rows } = await client.query<Waiting>({
      name: 'outbox-measure',
      text: `WITH queued AS MATERIALIZED (
               SELECT created_at FROM generate_series(0, ${SHARDS - 1}) AS each(shard)
               CROSS JOIN LATERAL (SELECT created_at FROM outbox WHERE outbox.shard = each.shard ORDER BY id LIMIT ${MOST_COUNTED / SHARDS}) AS o),
             held AS MATERIALIZED (SELECT created_at FROM outbox_held LIMIT ${MOST_COUNTED})
             SELECT ((SELECT count(*) FROM queued) + (SELECT count(*) FROM held))::int AS messages, (SELECT count(*) FROM held)::int AS held,
                    coalesce(extract(epoch FROM clock_timestamp() - least((SELECT min(created_at) FROM queued), (SELECT min(created_at) FROM held))) * 1000, 0)::float8 AS "oldestMs"`,
    });
    return rows[0] ?? { messages: 0, held: 0, oldestMs: 0 };
  }
}

/** An id is unique beyond its shard, which is named for the sake of the key alone. */
const deletion = (shards: string, ids: string) =>
  `DELETE FROM outbox WHERE shard = ANY (${shards}::smallint[]) AND id = ANY (${ids}::bigint[])`;

const keysOf = (messages: readonly OutboxMessage[]) => [
  [...new Set(messages.map(({ shard }) => shard))],
  messages.map(({ id }) => id),
];
