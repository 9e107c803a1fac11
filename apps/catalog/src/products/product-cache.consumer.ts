import { Injectable } from '@nestjs/common';
import { productChanged } from '@shop/contracts';
import { Consumer, on } from '@shop/eventing';
import { ProductCache, tags } from './product-cache.ts';

/**
 * Outdates what is cached of a product that has changed. By the event, not by whoever changed it: an event is published
 * however the process ends that made the change. Told twice it outdates twice, which is no harm and needs no inbox.
 */
@Injectable()
export class ProductCacheConsumer extends Consumer {
  readonly name = 'catalog.cache';
  readonly handlers = [
    on(productChanged, ({ data: { productId } }) => this.cache.invalidate([tags.pages, tags.product(productId)])),
  ];

  constructor(private readonly cache: ProductCache) {
    super();
  }
}
