import { Injectable } from '@nestjs/common';
import { DomainError } from '@shop/kernel';
import { EventStore, forgetKeys } from '@shop/eventing';
import { Database, Health, Logger, Recurring } from '@shop/platform';
import { Orders } from './orders.ts';

/**
 * Gives up orders whose next step did not come in time. The deadlines are rows, so they outlive crashes; several instances may look at
 * the same one, since giving up twice changes nothing. Also forgets idempotency keys after their day.
 */
@Injectable()
export class Deadlines extends Recurring {
  constructor(
    private readonly store: EventStore,
    private readonly orders: Orders,
    private readonly database: Database,
    private readonly log: Logger,
    health: Health,
  ) {
    super({ what: 'deadlines', everyMs: 1_000, staleAfterMs: 15_000, log, health });
  }

  protected override async look(stopping: AbortSignal): Promise<void> {
    for (const { stream, version } of await this.store.due(100)) {
      if (stopping.aborted) return;
      await this.expire(stream, version);
    }
    await forgetKeys(this.database);
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
