import type { Client } from 'pg';

/** Advisory lock class of the right to publish: relays share it, and whoever holds it alone has paused all of them. */
export const PAUSE_LOCK = 0x0b0f;

/**
 * A relay's share in the right to publish what a database's outbox holds. Between batches it lets go of it and takes it
 * again, which fails as soon as somebody waits for it alone (infra/events/topics.ts): so who has got it alone knows
 * that no relay has anything in flight, and when his session ends, however it ends, they go on.
 */
export class RelayPause {
  readonly #client: Client;
  #shares = false;

  constructor(client: Client) {
    this.#client = client;
  }

  /**
   * Whether nothing may be published until the next look. To be asked between batches; `underWay`: what is tried again
   * apart from them has not been answered yet. Then the share is kept until it has, and nothing new is begun while
   * somebody waits.
   */
  async look(underWay = false): Promise<boolean> {
    const share = 'SELECT pg_try_advisory_lock_shared($1, 0) AS shares';
    if (underWay && this.#shares) return this.#isWaitedFor();
    if (this.#shares) await this.#client.query('SELECT pg_advisory_unlock_shared($1, 0)', [PAUSE_LOCK]);
    const { rows } = await this.#client.query<{ shares: boolean }>(share, [PAUSE_LOCK]);
    this.#shares = rows[0]?.shares ?? false;
    return !this.#shares;
  }

  async #isWaitedFor(): Promise<boolean> {
    const { rows } = await this.#client.query<{ waited: boolean }>(
      `SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND classid = $1 AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) AS waited`,
      [PAUSE_LOCK],
    );
    return rows[0]?.waited ?? false;
  }
}
