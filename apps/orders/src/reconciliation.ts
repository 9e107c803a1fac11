import { Injectable } from '@nestjs/common';
import { notificationsCheckpoint, ordersCheckpoint } from '@shop/contracts';
import { Consumer, EventStore, MessagingMetrics, on, Outbox, Reconciler, type Missing } from '@shop/eventing';
import { Database, Health, Logger, Recurring } from '@shop/platform';
import { orderProcess } from './order-process.ts';

/** Looks after it that every reader of the orders' events gets all of them; several instances take turns. */
@Injectable()
export class Reconciliation extends Recurring {
  readonly reconciler;

  constructor(
    database: Database,
    store: EventStore,
    outbox: Outbox,
    private readonly metrics: MessagingMetrics,
    private readonly log: Logger,
    health: Health,
  ) {
    super({ what: 'reconciliation', everyMs: 10_000, staleAfterMs: 60_000, log, health });
    this.reconciler = new Reconciler({ database, store, outbox, process: orderProcess });
  }

  protected override async look(): Promise<void> {
    this.raiseAlarm(await this.reconciler.reconcile());
  }

  private raiseAlarm(missing: readonly Missing[]): void {
    for (const [consumer, events] of Map.groupBy(missing, (each) => each.consumer)) {
      this.metrics.reemitted(consumer, events.length);
      const some = events.slice(0, 5).map(({ stream, version }) => `${stream} #${version}`);
      this.log.error(
        { consumer, events: events.length, some },
        'events never came to a reader, which should not happen: sent again',
      );
    }
  }
}

/** Writes down what readers say. */
@Injectable()
export class ReconcilerConsumer extends Consumer {
  readonly name = 'orders.reconciler';
  readonly handlers = [ordersCheckpoint, notificationsCheckpoint].map((contract) =>
    on(contract, ({ data, time }, effect) =>
      effect.transaction((tx) => this.reconciliation.reconciler.note(tx, data, time)),
    ),
  );

  constructor(private readonly reconciliation: Reconciliation) {
    super();
  }
}
