import { Injectable } from '@nestjs/common';
import { announceProducts, productsSummary, type MessageOf } from '@shop/contracts';
import { Consumer, copySummary, event, MessageBus, on, seal, type Effect, type Outgoing } from '@shop/eventing';
import { Database, Logger, Recurring, type Transaction } from '@shop/platform';
import { ProductAnnouncement } from './product-announcement.ts';

const SUMMARY_EVERY_MS = 30_000;

/** What is announced of a product, as a copy holds it. */
const columns = ['version', 'name', 'price', 'currency', 'active'] as const;

const summary = async (tx: Transaction): Promise<Outgoing> =>
  event(productsSummary, {
    key: 'products',
    data: { copy: 'products', buckets: [...(await copySummary(tx, 'products', columns))] },
  });

/**
 * Tells those who keep copies of the products, every now and then, what a whole copy is like. One that is lost is made
 * up for by the next.
 */
@Injectable()
export class ProductsSummary extends Recurring {
  constructor(
    private readonly database: Database,
    private readonly bus: MessageBus,
    log: Logger,
  ) {
    super({ what: 'summary of the products', everyMs: SUMMARY_EVERY_MS, log });
  }

  protected override async look(): Promise<void> {
    const { topic, key, payload } = seal(await summary(this.database));
    await this.bus.publish([{ topic, key, value: payload }]);
  }
}

/** Announces what a copy lacks, and then tells what it should be like by now, in answer to that question. */
@Injectable()
export class ProductCopiesConsumer extends Consumer {
  readonly name = 'catalog.copies';
  readonly handlers = [on(announceProducts, (asked, effect) => this.announce(asked, effect))];

  constructor(
    private readonly announcement: ProductAnnouncement,
    private readonly log: Logger,
  ) {
    super();
  }

  private async announce(
    { data: { consumer, buckets } }: MessageOf<typeof announceProducts>,
    effect: Effect,
  ): Promise<void> {
    const announced = await this.announcement.run({ buckets });
    this.log.warn(
      { consumer, buckets: buckets.length, announced },
      'a copy of the products was not whole: announced again what it asked for',
    );
    await effect.transaction(async (tx) => effect.publish(tx, [await summary(tx)]));
  }
}
