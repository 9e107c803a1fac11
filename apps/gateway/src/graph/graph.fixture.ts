import { randomUUIDv7 } from 'node:crypto';
import type { OrderView, ProductView } from '@shop/contracts';
import { runService } from '@shop/platform';
import { gateway } from '../service.ts';
import { fakeIssuer, FakeService } from '../services.fixture.ts';

const issuer = 'http://shop.example/oidc';

export interface GraphAnswer {
  readonly status: number;
  readonly type: string;
  /** As it came: a spec says what it expects in it. */
  readonly data: Data | null | undefined;
  readonly errors: readonly { readonly message: string; readonly extensions: Data }[];
  readonly codes: readonly string[];
}

interface Data {
  readonly [field: string]: unknown;
}

export const aProduct = (id: string = randomUUIDv7()): ProductView => ({
  id,
  sku: 'MUG',
  name: 'Mug',
  description: 'A mug.',
  price: 1250,
  currency: 'EUR',
  available: 3,
});

/** An order with as many lines, of products of their own unless they are given. */
export function anOrder(lines: number, products: readonly string[] = []): OrderView {
  const of = (at: number) => products[at % products.length] ?? randomUUIDv7();
  const each = Array.from({ length: lines }, (_, at) => ({
    productId: of(at),
    name: 'Mug',
    quantity: 1,
    unitPrice: 1250,
  }));
  return {
    id: randomUUIDv7(),
    status: 'placed',
    lines: each,
    total: 1250 * lines,
    currency: 'EUR',
    placedAt: '2026-01-01T00:00:00.000Z',
    version: 1,
  };
}

/** A gateway, and services behind it that note what they are asked. `settings` is more of its environment. */
export async function startGraph(settings: Record<string, string> = {}) {
  const [catalog, orders, notifications, tokens] = await Promise.all([
    FakeService.start(),
    FakeService.start(),
    FakeService.start(),
    fakeIssuer(issuer),
  ]);
  const running = await runService(gateway, {
    ISSUER: issuer,
    JWKS_URL: tokens.jwksUrl,
    LOG_LEVEL: 'silent',
    AUTH_URLS: catalog.url,
    CATALOG_URLS: catalog.url,
    ORDERS_URLS: orders.url,
    NOTIFICATIONS_URLS: notifications.url,
    GRAPH_OPERATIONS: 'any',
    // What a busy machine turns away is not what these specs are about.
    SHED_LOOP_DELAY_MS: '0',
    ...settings,
  });
  const url = `${running.url}/graphql`;
  const send = async (path: string, init: RequestInit) => answered(await fetch(url + path, init));
  return {
    url,
    catalog,
    orders,
    notifications,
    tokens,
    running,
    send,
    ask: (query: string, variables: object = {}, headers: Record<string, string> = {}) =>
      send('', {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ query, variables }),
      }),
    stop: async () => {
      await running.close();
      await Promise.all([catalog, orders, notifications, tokens].map((each) => each.stop()));
    },
  };
}

async function answered(response: Response): Promise<GraphAnswer> {
  const body = (await response.json()) as Partial<GraphAnswer> & { code?: string };
  const errors = body.errors ?? [];
  const codes = body.code === undefined ? errors.map(({ extensions }) => String(extensions['code'])) : [body.code];
  return { status: response.status, type: response.headers.get('content-type') ?? '', data: body.data, errors, codes };
}
