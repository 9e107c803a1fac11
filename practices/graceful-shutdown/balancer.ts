import { setTimeout as sleep } from 'node:timers/promises';
import { Pool, request } from 'undici';

/**
 * What became of a request, as far as its client can know. `broken`: the connection broke before the answer, so nobody
 * knows whether it was done.
 */
export type Outcome = 'answered' | 'refused' | 'broken' | 'error';

interface Target {
  readonly url: string;
  readonly pool: Pool;
  ready: boolean;
  /** When it was last found not to be ready, as performance.now() tells it. */
  left: number;
}

/** How soon the balancer hands nothing more to an instance that is not ready, also on a busy machine. */
export const NOTICED_WITHIN_MS = 3_000;
const PROBE_EVERY_MS = 250;
const ANSWERS_WITHIN_MS = 20_000;

/**
 * A load balancer as they come: asks each instance again and again whether it is ready, and hands each request to the
 * next of those that were when it last asked, over connections that it keeps. It tries no request twice: it cannot know
 * which of them may be.
 */
export class Balancer {
  readonly #targets = new Set<Target>();
  #turn = 0;

  /** Resolves when the instance has been found ready. */
  async add(url: string): Promise<void> {
    const target: Target = { url, pool: new Pool(url, { headersTimeout: ANSWERS_WITHIN_MS }), ready: false, left: 0 };
    this.#targets.add(target);
    const probing = this.#probe(target);
    while (!target.ready && this.#targets.has(target)) await Promise.race([probing, sleep(20)]);
  }

  /** Forgets an instance that is gone; says when it was found not to be ready. */
  async remove(url: string): Promise<number> {
    const target = [...this.#targets].find((each) => each.url === url);
    if (!target) throw new Error(`nobody balances ${url}`);
    this.#targets.delete(target);
    await target.pool.close();
    return target.ready ? performance.now() : target.left;
  }

  async send(path: string, body: object): Promise<Outcome> {
    const ready = [...this.#targets].filter((target) => target.ready);
    const target = ready[this.#turn++ % ready.length];
    if (!target) return 'error'; // what a balancer answers by itself: 503
    try {
      const answer = await target.pool.request({
        method: 'POST',
        path,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      await answer.body.dump();
      return answer.statusCode < 500 ? 'answered' : 'error';
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'ECONNREFUSED' ? 'refused' : 'broken';
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#targets].map(({ url }) => this.remove(url)));
  }

  async #probe(target: Target): Promise<void> {
    for (; this.#targets.has(target); await sleep(PROBE_EVERY_MS)) {
      const wasReady = target.ready;
      target.ready = await isReady(target.url);
      if (wasReady && !target.ready) target.left = performance.now();
    }
  }
}

async function isReady(url: string): Promise<boolean> {
  try {
    const { statusCode, body } = await request(`${url}/health/ready`, {
      reset: true,
      signal: AbortSignal.timeout(ANSWERS_WITHIN_MS),
    });
    await body.dump();
    return statusCode === 200;
  } catch {
    return false;
  }
}
