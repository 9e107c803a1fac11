import { Injectable } from '@nestjs/common';
import { orderView, productView } from '@shop/contracts';
import { Catalog, LoadsFactory, Orders, type Loads } from '@shop/gateway';
import { UpstreamProblem } from '@shop/platform';

/** Each field reads what it shows, as the resolver of one product does: nothing knows of its neighbours. */
@Injectable()
export class OneByOne extends LoadsFactory {
  constructor(
    private readonly catalog: Catalog,
    private readonly orders: Orders,
  ) {
    super();
  }

  create(): Loads {
    return {
      product: async (id) => {
        try {
          return (await this.catalog.request({ method: 'GET', path: `/products/${id}`, schema: productView })).body;
        } catch (error) {
          if (error instanceof UpstreamProblem && error.status === 404) return undefined;
          throw error;
        }
      },
      order: async (id, token) =>
        (await this.orders.request({ method: 'GET', path: `/orders/${id}`, token, schema: orderView })).body,
    };
  }
}

/** The same, but what was read once for an operation is not read again. */
@Injectable()
export class EachOnce extends OneByOne {
  override create(): Loads {
    const loads = super.create();
    const [products, orders] = [
      new Map<string, ReturnType<Loads['product']>>(),
      new Map<string, ReturnType<Loads['order']>>(),
    ];
    return {
      product: (id) => once(products, id, () => loads.product(id)),
      order: (id, token) => once(orders, id, () => loads.order(id, token)),
    };
  }
}

function once<T>(known: Map<string, T>, id: string, read: () => T): T {
  const value = known.get(id) ?? read();
  known.set(id, value);
  return value;
}
