import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { EventStore } from '@shop/eventing';
import { Database, Health, Logger } from '@shop/platform';
import { Orders } from './orders.ts';

const EVERY_MS = 1_000;
const PURGE_EVERY_MS = 60_000;
const STALE_AFTER_MS = 15_000;

/**
 * Gives up orders whose next step did not come in time. The deadlines are rows, so they outlive crashes; several instances may look at
 * the same one, since giving up twice changes nothing. Also forgets idempotency keys after their day.
 */
@Injectable()
export class Deadlines implements OnApplicationBootstrap, OnApplicationShutdown {
  #timer: NodeJS.Timeout | undefined;
  #tick: Promise<void> = Promise.resolve();
  #lastTick = Date.now();
  #lastPurge = 0;

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
    this.#timer = setInterval(() => {
      this.#tick = this.#tick.then(() => this.tick());
    }, EVERY_MS);
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.#timer);
    await this.#tick;
  }

  /** One look at what is due. */
  async tick(): Promise<void> {
    try {
      for (const { stream, version } of await this.store.due(100)) await this.orders.expire(stream, version);
      if (Date.now() - this.#lastPurge > PURGE_EVERY_MS) {
        await this.database.query(`DELETE FROM idempotency WHERE created_at < now() - interval '24 hours'`);
        this.#lastPurge = Date.now();
      }
      this.#lastTick = Date.now();
    } catch (error) {
      this.log.warn({ err: error }, 'deadlines could not be looked at; trying again');
    }
  }
}
