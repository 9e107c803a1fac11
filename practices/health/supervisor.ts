import { setTimeout as sleep } from 'node:timers/promises';
import type { Victim } from '../lab/victim.ts';

const EVERY_MS = 250;
const ANSWERS_WITHIN_MS = 5_000;
/** As an orchestrator does it: once is an accident. */
const FAILURES = 2;

/** Asks a process again and again whether it is alive, and restarts it when it is not, as an orchestrator does. */
export class Supervisor {
  restarts = 0;
  /** Since when every answer has been that it is alive, as performance.now() tells it. */
  aliveSince = performance.now();
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;

  private constructor(
    private readonly process: Victim,
    private url: string,
  ) {
    this.#running = this.#watch();
  }

  static async over(process: Victim): Promise<Supervisor> {
    return new Supervisor(process, (await process.ask<string>('url')) ?? '');
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #watch(): Promise<void> {
    const { signal } = this.#stopping;
    for (let failures = 0; !signal.aborted; await sleep(EVERY_MS, undefined, { signal }).catch(() => {})) {
      failures = (await this.#isAlive()) ? 0 : failures + 1;
      if (failures > 0) this.aliveSince = Infinity;
      else this.aliveSince = Math.min(this.aliveSince, performance.now());
      if (failures < FAILURES) continue;
      failures = 0;
      this.restarts++;
      await this.process.restart();
      this.url = (await this.process.ask<string>('url')) ?? '';
    }
  }

  async #isAlive(): Promise<boolean> {
    try {
      const answer = await fetch(`${this.url}/health/live`, { signal: AbortSignal.timeout(ANSWERS_WITHIN_MS) });
      await answer.body?.cancel();
      return answer.ok;
    } catch {
      return false;
    }
  }
}
