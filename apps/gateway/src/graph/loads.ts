import { Injectable } from '@nestjs/common';
import DataLoader from 'dataloader';
import { manyIds, orderViews, productViews, type OrderView, type ProductView } from '@shop/contracts';
import { DomainError } from '@shop/kernel';
import { Catalog, Orders } from '../upstreams.ts';

/**
 * What has been read for one operation: what is asked for in the same tick is asked upstream in one call, and nothing
 * is asked twice.
 */
export interface Loads {
  /** Undefined where it is not on sale any more. */
  product(id: string): Promise<ProductView | undefined>;
  /** Throws not-found for one that is not the caller's. */
  order(id: string, token: string): Promise<OrderView>;
}

/** How operations read many things: by batches, as this one does; the experiment `query-optimization` has another. */
export abstract class LoadsFactory {
  abstract create(): Loads;
}

/** No more than one call takes. */
const maxBatchSize = manyIds.most;

/** One call for all of a kind. */
@Injectable()
export class BatchedLoads extends LoadsFactory {
  constructor(
    private readonly catalog: Catalog,
    private readonly orders: Orders,
  ) {
    super();
  }

  create(): Loads {
    const products = new DataLoader((ids: readonly string[]) => this.productsOf(ids), { maxBatchSize });
    // Of one caller: whatever else is asked in the same operation bears the same token.
    const orders = new Map<string, DataLoader<string, OrderView>>();
    return {
      product: (id) => products.load(id),
      order: (id, token) => {
        const own =
          orders.get(token) ?? new DataLoader((ids: readonly string[]) => this.ordersOf(ids, token), { maxBatchSize });
        orders.set(token, own);
        return own.load(id);
      },
    };
  }

  private async productsOf(ids: readonly string[]): Promise<(ProductView | undefined)[]> {
    const { body } = await this.catalog.request({
      method: 'GET',
      path: '/products/many',
      query: { ids: ids.join(',') },
      schema: productViews,
    });
    const found = new Map(body.items.map((product) => [product.id, product]));
    return ids.map((id) => found.get(id));
  }

  private async ordersOf(ids: readonly string[], token: string): Promise<(OrderView | Error)[]> {
    const { body } = await this.orders.request({
      method: 'GET',
      path: '/orders/many',
      query: { ids: ids.join(',') },
      token,
      schema: orderViews,
    });
    const found = new Map(body.items.map((order) => [order.id, order]));
    return ids.map((id) => found.get(id) ?? new DomainError('not-found', 'order-not-found', 'There is no such order.'));
  }
}
