import { Pool } from 'undici';
import { neverArrived } from './failures.ts';

/** How long an instance that could not be reached, or is about to end, is passed over, in ms. */
const avoidance = 1_000;

interface Instance {
  readonly pool: Pool;
  /** On the monotonic clock. */
  avoidedUntil: number;
}

/** Keep-alive connections to every instance of a service, used in turn. */
export class Instances {
  readonly #all: Instance[];
  #turn = 0;

  constructor(urls: readonly string[], connections: number) {
    // Idle connections are ours to close, before the other side does: a request never meets a connection that is just
    // going away.
    const options = { connections, connect: { timeout: 1_000 }, keepAliveTimeout: 10_000, keepAliveMaxTimeout: 20_000 };
    this.#all = urls.map((url) => ({ pool: new Pool(url, options), avoidedUntil: 0 }));
  }

  get count(): number {
    return this.#all.length;
  }

  /**
   * Uses the next instance that was reachable lately; where none was, the one that has been passed over longest. `work`
   * says when it hears that its instance is about to end.
   */
  async use<T>(work: (pool: Pool, isEnding: () => void) => Promise<T>): Promise<T> {
    const instance = this.#next();
    const avoid = () => (instance.avoidedUntil = performance.now() + avoidance);
    try {
      return await work(instance.pool, avoid);
    } catch (error) {
      if (neverArrived(error)) avoid();
      throw error;
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#all.map(({ pool }) => pool.close()));
  }

  #next(): Instance {
    const start = this.#turn++ % this.#all.length;
    const inTurn = [...this.#all.slice(start), ...this.#all.slice(0, start)];
    const now = performance.now();
    return (
      inTurn.find(({ avoidedUntil }) => avoidedUntil <= now) ??
      inTurn.reduce((one, other) => (other.avoidedUntil < one.avoidedUntil ? other : one))
    );
  }
}
