import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { DomainError } from '@shop/kernel';
import { EventStore, forgetKeys } from '@shop/eventing';
import { Database, Health, Logger } from '@shop/platform';
import { Orders } from './orders.ts';

const EVERY_MS = 1_000;
const STALE_AFTER_MS = 15_000;

/**
 * Gives up orders whose next step did not come in time. The deadlines are rows, so they outlive crashes; several instances may look at
 * the same one, since giving up twice changes nothing. Also forgets idempotency keys after their day.
 */
@Injectable()
export class Deadlines implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  #lastTick = Date.now();

  constructor(
    private readonly store: EventStore,
    private readonly orders: Orders,
    private readonly database: Database,
    private readonly log: Logger,
    health: Health,
  ) {
    health.live('deadlines', () => {
      const age = Date.now() - this.#lastTick;
      return age > STALE_AFTER_MS ? `last look ${age} ms ago` : undefined;
    });
  }

  onApplicationBootstrap(): void {
    this.#running = this.run();
  }

  async onApplicationShutdown(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  /** One look at what is due. */
  async tick(): Promise<void> {
    try {
      for (const { stream, version } of await this.store.due(100)) {
        if (this.#stopping.signal.aborted) return;
        await this.expire(stream, version);
      }
      await forgetKeys(this.database);
      this.#lastTick = Date.now();
    } catch (error) {
      this.log.warn({ err: error }, 'deadlines could not be looked at; trying again');
    }
  }

  private async run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await this.tick();
      await sleep(EVERY_MS, undefined, { signal }).catch(() => {});
    }
  }

  /** An order that cannot be given up, whatever is wrong with it, keeps no other from it. */
  private async expire(stream: string, version: number): Promise<void> {
    try {
      await this.orders.expire(stream, version);
    } catch (error) {
      if (error instanceof DomainError && error.kind === 'unavailable') throw error;
      this.log.error({ err: error, order: stream }, 'order could not be given up');
    }
  }
}
