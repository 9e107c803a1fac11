import type { RequestListener } from 'node:http';
import { text } from 'node:stream/consumers';
import type {
  MessageView,
  NewProduct,
  OrderView,
  PlaceOrder,
  ProductPatch,
  ProductRecord,
  ProductView,
} from '@shop/contracts';
import { keysFrom, numbersFrom } from '../lab/seed.ts';

/** What is in the shop, for those who ask and for whoever holds the answers against it. */
export interface Shop {
  readonly products: readonly ProductView[];
  readonly orders: readonly OrderView[];
  readonly messages: readonly MessageView[];
  /** Every service behind the door, in the one form in which they speak. */
  readonly services: RequestListener;
}

const placedAt = '2026-01-01T00:00:00.000Z';

export function shopOf(seed: number, count: number): Shop {
  const next = numbersFrom(seed);
  const [products, orders, messages] = [
    keysFrom(next, count).map((id, n) => ({
      id,
      sku: `SKU-${n}`,
      name: `Product ${n}`,
      description: '',
      price: 100 + Math.floor(next() * 9_900),
      currency: 'EUR',
      available: n,
    })),
    keysFrom(next, count),
    keysFrom(next, count),
  ] as const;
  const placed = orders.map((id, n) =>
    orderOf(products, id, [{ productId: products[n]?.id ?? '', quantity: 1 + Math.floor(next() * 3) }]),
  );
  const sent = messages.map(
    (id, n): MessageView => ({
      id,
      kind: 'order-confirmed',
      channel: 'mail',
      orderId: orders[n] ?? '',
      status: 'queued',
      createdAt: placedAt,
    }),
  );
  return { products, orders: placed, messages: sent, services: services(products, placed, sent) };
}

/** An order of these lines, at the prices of these products. */
export function orderOf(products: readonly ProductView[], id: string, wished: PlaceOrder['lines']): OrderView {
  const lines = wished.map(({ productId, quantity }) => {
    const { name = '', price = 0 } = products.find((product) => product.id === productId) ?? {};
    return { productId, name, quantity, unitPrice: price };
  });
  return {
    id,
    status: 'placed',
    lines,
    total: lines.reduce((sum, { quantity, unitPrice }) => sum + quantity * unitPrice, 0),
    currency: 'EUR',
    placedAt,
    version: 1,
  };
}

function services(
  products: readonly ProductView[],
  orders: readonly OrderView[],
  messages: readonly MessageView[],
): RequestListener {
  const lists: Record<string, readonly { id: string }[]> = {
    products,
    orders: orders.map(({ lines: _, ...summary }) => summary),
    messages,
  };
  const write = (method: string, path: string, body: unknown): object | undefined => {
    if (method === 'POST' && path === '/orders')
      return orderOf(products, orders[0]?.id ?? '', (body as PlaceOrder).lines);
    if (method === 'POST' && path === '/products') return recordOf({ ...products[0]!, ...(body as NewProduct) });
    if (method === 'PATCH')
      return recordOf({ ...products.find(({ id }) => path.endsWith(id))!, ...(body as ProductPatch) });
    return undefined;
  };
  return (request, response) => {
    const { method = 'GET', url = '/' } = request;
    const { pathname, searchParams } = new URL(url, 'http://here');
    const [, kind = '', id] = pathname.split('/');
    const answer = (status: number, body: object | undefined, headers = {}) =>
      void response
        .writeHead(body ? status : 404, { 'content-type': 'application/json', ...headers })
        .end(JSON.stringify(body ?? {}));
    if (method === 'GET')
      return answer(
        200,
        id === undefined
          ? pageOf(lists[kind] ?? [], searchParams)
          : [...products, ...orders].find((one) => one.id === id),
      );
    void text(request).then((body) => {
      const made = write(method, pathname, JSON.parse(body)) as { id: string } | undefined;
      answer(
        method === 'POST' ? 201 : 200,
        made,
        method === 'POST' && made ? { location: `/v1${pathname}/${made.id}` } : {},
      );
    });
  };
}

function pageOf<T>(things: readonly T[], asked: URLSearchParams): { items: readonly T[]; nextCursor?: string } {
  const [from, limit] = [Number(asked.get('cursor')), Number(asked.get('limit'))];
  return {
    items: things.slice(from, from + limit),
    ...(from + limit < things.length && { nextCursor: String(from + limit) }),
  };
}

function recordOf({ available: free, ...product }: ProductView): ProductRecord {
  return { ...product, active: true, version: 1, stock: { initial: free, free, reserved: 0, sold: 0 } };
}
