import type { RequestListener } from 'node:http';
import { manyIds, type OrderView, type ProductView } from '@shop/contracts';
import { keysFrom, numbersFrom, popular } from '../lab/seed.ts';

/** What there is in the shop that the graph is asked about, and how its two services answer. */
export interface Shop {
  readonly products: ReadonlyMap<string, ProductView>;
  /** Newest first. */
  readonly orders: ReadonlyMap<string, OrderView>;
  readonly catalog: RequestListener;
  readonly ordersService: RequestListener;
}

/** Orders of one to five lines of popular and less popular products. */
export function shopOf({
  seed,
  orders: count,
  products: kinds,
}: {
  seed: number;
  orders: number;
  products: number;
}): Shop {
  const next = numbersFrom(seed);
  const products = new Map(keysFrom(next, kinds).map((id, n) => [id, productOf(id, n)]));
  const pick = popular(next, [...products.values()]);
  const linesOf = () => [...new Set(Array.from({ length: 1 + Math.floor(next() * 5) }, pick))];
  const orders = new Map(keysFrom(next, count).map((id) => [id, orderOf(id, linesOf())]));
  const summaries = [...orders.values()].map(({ lines: _, ...summary }) => summary);
  return {
    products,
    orders,
    catalog: answering('/products', products, () => undefined),
    ordersService: answering('/orders', orders, (limit) => ({ items: summaries.slice(0, limit) })),
  };
}

const productOf = (id: string, n: number): ProductView => ({
  id,
  sku: `SKU-${n}`,
  name: `Product ${n}`,
  description: '',
  price: 100 + n,
  currency: 'EUR',
  available: n,
});

function orderOf(id: string, products: readonly ProductView[]): OrderView {
  const lines = products.map(({ id: productId, name, price: unitPrice }) => ({
    productId,
    name,
    unitPrice,
    quantity: 1,
  }));
  const total = lines.reduce((sum, { unitPrice }) => sum + unitPrice, 0);
  return { id, status: 'placed', lines, total, currency: 'EUR', placedAt: '2026-01-01T00:00:00.000Z', version: 1 };
}

/** A service as the contracts have it: a list, one by its id, many by theirs. */
function answering<T>(
  path: string,
  things: ReadonlyMap<string, T>,
  list: (limit: number) => object | undefined,
): RequestListener {
  return (request, response) => {
    const url = new URL(request.url ?? '', 'http://here');
    const body = answer(url);
    response
      .writeHead(body === undefined ? 404 : 200, { 'content-type': 'application/json' })
      .end(JSON.stringify(body ?? {}));
  };
  function answer({ pathname, searchParams }: URL): unknown {
    if (pathname === path) return list(Number(searchParams.get('limit')));
    if (pathname !== `${path}/many`) return things.get(pathname.slice(path.length + 1));
    return { items: manyIds.query.parse({ ids: searchParams.get('ids') }).ids.flatMap((id) => things.get(id) ?? []) };
  }
}
