import { setTimeout as sleep } from 'node:timers/promises';
import type { OnApplicationBootstrap, OnApplicationShutdown } from '@nestjs/common';
import type { Health } from './health.ts';
import type { Logger } from './logger.ts';

export interface RecurringOptions {
  /** What is looked at, as health and logs call it. */
  readonly what: string;
  /** From the end of one look to the beginning of the next, in ms. */
  readonly everyMs: number;
  /**
   * A last look that ended longer ago than this, in ms, well or not, means that nothing is looked at any more, whatever
   * the process answers over HTTP: it hangs. One that fails, because the database is away, is no reason to start the
   * process again. Without it nothing depends on it.
   */
  readonly staleAfterMs?: number;
  readonly log: Pick<Logger, 'warn'>;
  readonly health?: Health;
}

/**
 * Something a service does again and again while it runs. One look at a time; one that fails is told and tried again at
 * the next; shutting down waits for the look under way, which may ask the signal whether to end early.
 */
export abstract class Recurring implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #options: RecurringOptions;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  #lastEnded = performance.now();

  constructor(options: RecurringOptions) {
    this.#options = options;
    const { what, staleAfterMs, health } = options;
    if (staleAfterMs === undefined) return;
    health?.live(what, () => {
      const age = Math.round(performance.now() - this.#lastEnded);
      return age > staleAfterMs ? `last look ${age} ms ago` : undefined;
    });
  }

  protected abstract look(stopping: AbortSignal): Promise<void>;

  onApplicationBootstrap(): void {
    this.#running ??= this.#run();
  }

  async onApplicationShutdown(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  /** One look now; never throws. */
  async tick(): Promise<void> {
    try {
      await this.look(this.#stopping.signal);
    } catch (error) {
      this.#options.log.warn(
        { err: error, what: this.#options.what },
        'what is looked at again and again could not be; trying again',
      );
    } finally {
      this.#lastEnded = performance.now();
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await sleep(this.#options.everyMs, undefined, { signal }).catch(() => {});
      if (!signal.aborted) await this.tick();
    }
  }
}
