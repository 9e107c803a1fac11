import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { notificationsCheckpoint, ordersCheckpoint } from '@shop/contracts';
import { Consumer, EventStore, MessagingMetrics, on, Outbox, Reconciler, type Missing } from '@shop/eventing';
import { Database, Health, Logger } from '@shop/platform';
import { orderProcess } from './order-process.ts';

const EVERY_MS = 10_000;
const STALE_AFTER_MS = 60_000;

/** Looks after it that every reader of the orders' events gets all of them; several instances take turns. */
@Injectable()
export class Reconciliation implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly reconciler;
  readonly #stopping = new AbortController();
  #running: Promise<void> | undefined;
  #lastTick = Date.now();

  constructor(
    database: Database,
    store: EventStore,
    outbox: Outbox,
    private readonly metrics: MessagingMetrics,
    private readonly log: Logger,
    health: Health,
  ) {
    this.reconciler = new Reconciler({ database, store, outbox, process: orderProcess });
    health.live('reconciliation', () => {
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

  private async run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await sleep(EVERY_MS, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      try {
        this.raiseAlarm(await this.reconciler.reconcile());
        this.#lastTick = Date.now();
      } catch (error) {
        this.log.warn({ err: error }, 'what readers have seen could not be compared; trying again');
      }
    }
  }

  private raiseAlarm(missing: readonly Missing[]): void {
    for (const [consumer, events] of Map.groupBy(missing, (each) => each.consumer)) {
      this.metrics.reemitted(consumer, events.length);
      const some = events.slice(0, 5).map(({ stream, version }) => `${stream} #${version}`);
      this.log.error({ consumer, events: events.length, some }, 'events never came to a reader, which should not happen: sent again');
    }
  }
}

/** Writes down what readers say. */
@Injectable()
export class ReconcilerConsumer extends Consumer {
  readonly name = 'orders.reconciler';
  readonly handlers = [ordersCheckpoint, notificationsCheckpoint].map((contract) =>
    on(contract, ({ data, time }, effect) => effect.transaction((tx) => this.reconciliation.reconciler.note(tx, data, time))),
  );

  constructor(private readonly reconciliation: Reconciliation) {
    super();
  }
}
