import { setTimeout as sleep } from 'node:timers/promises';
import { isReady } from '@shop/infra/supervisor';

const PROBE_EVERY_MS = 100;
const READY_WITHIN_MS = 60_000;

/** One after the other, whatever becomes of them. */
export function inTurn(urls: readonly string[]): () => string {
  let asked = 0;
  return () => urls[asked++ % urls.length] ?? '';
}

/**
 * What stands before the gateways, as load balancers do: asks each again and again whether it is ready, and sends
 * everybody to the next of those that were when it last asked. It tries no request twice.
 */
export class Front {
  readonly #ready = new Set<string>();
  readonly #stopping = new AbortController();
  readonly #probing: Promise<unknown>;
  #asked = 0;

  private constructor(urls: readonly string[]) {
    this.#probing = Promise.all(urls.map((url) => this.#probe(url)));
  }

  /** Resolves when all are ready. */
  static async before(urls: readonly string[]): Promise<Front> {
    const front = new Front(urls);
    await Promise.all(urls.map((url) => front.untilReady(url)));
    return front;
  }

  /** Where the next request goes. */
  readonly choose = (): string => {
    const ready = [...this.#ready];
    return ready[this.#asked++ % ready.length] ?? '';
  };

  async untilReady(url: string): Promise<void> {
    for (const until = performance.now() + READY_WITHIN_MS; !this.#ready.has(url); await sleep(20)) {
      if (performance.now() > until) throw new Error(`${url} is not ready after ${READY_WITHIN_MS / 1_000} s`);
    }
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#probing;
  }

  async #probe(url: string): Promise<void> {
    for (const { signal } = this.#stopping; !signal.aborted; await sleep(PROBE_EVERY_MS)) {
      await isReady(url).then(
        () => this.#ready.add(url),
        () => this.#ready.delete(url),
      );
    }
  }
}
