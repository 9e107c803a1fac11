import { check, sleep } from 'k6';
import exec from 'k6/execution';
import http, { type RefinedResponse, type ResponseType } from 'k6/http';
import { Rate } from 'k6/metrics';

/** What the launcher knows and every scenario needs. */
interface Data {
  readonly gateway: string;
  /** Where the customers' tokens of the moment are. */
  readonly tokens: string;
  readonly products: readonly string[];
  readonly card: string;
  readonly accounts: readonly { readonly email: string; readonly password: string }[];
  /** By metric, from the objectives. */
  readonly thresholds: Readonly<Record<string, string[]>>;
  readonly freshWithinSeconds: number;
}

export const data = JSON.parse(open(__ENV['LOAD_DATA'] ?? '')) as Data;
export const seconds = Number(__ENV['LOAD_SECONDS']);
export const perSecond = Number(__ENV['LOAD_RATE']);

/** Whether an order stood in its customer's list as soon as it is promised to. */
const fresh = new Rate('order_fresh');
const answered = (response: RefinedResponse<ResponseType | undefined>, status: number) =>
  check(response, { [`is answered ${status}`]: ({ status: was }) => was === status });

/** Zipf: the n-th most popular product n times less often than the first. */
const edges = data.products.reduce<number[]>((sums, _, rank) => [...sums, (sums[rank - 1] ?? 0) + 1 / (rank + 1)], []);

function popular(): string {
  const at = Math.random() * (edges[edges.length - 1] ?? 0);
  let [low, high] = [0, edges.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((edges[middle] ?? 0) > at) high = middle;
    else low = middle + 1;
  }
  return data.products[low] ?? '';
}

/** Asked again each minute: the launcher refreshes tokens before they expire. */
const TOKENS_FOR_MS = 60_000;
let known: { tokens: string[]; at: number } = { tokens: [], at: 0 };

function authorization(): Record<string, string> {
  if (Date.now() - known.at > TOKENS_FOR_MS) {
    const response = http.get(data.tokens, { tags: { kind: 'launcher', name: 'tokens' } });
    known = { tokens: response.json() as string[], at: Date.now() };
  }
  return { authorization: `Bearer ${known.tokens[exec.scenario.iterationInTest % known.tokens.length]}` };
}

export function lookAtProduct(): void {
  answered(
    http.get(`${data.gateway}/v1/products/${popular()}`, { tags: { kind: 'read', name: 'GET /v1/products/:id' } }),
    200,
  );
}

export function lookAtPage(): void {
  answered(http.get(`${data.gateway}/v1/products?limit=20`, { tags: { kind: 'read', name: 'GET /v1/products' } }), 200);
}

/** Nine of ten look at one product. */
export function browse(): void {
  if (Math.random() < 0.1) lookAtPage();
  else lookAtProduct();
}

export function listOrders(): void {
  answered(
    http.get(`${data.gateway}/v1/orders?limit=20`, {
      headers: authorization(),
      tags: { kind: 'read', name: 'GET /v1/orders' },
    }),
    200,
  );
}

/**
 * Places an order of one to three products; one in twenty customers then looks whether it is there, after as long as is
 * promised.
 */
export function placeOrder(): void {
  const customer = authorization();
  const key = `${exec.scenario.name}-${exec.scenario.startTime}-${exec.scenario.iterationInTest}`;
  const headers = { ...customer, 'content-type': 'application/json', 'idempotency-key': key };
  const ids = new Set(Array.from({ length: 1 + Math.floor(Math.random() * 3) }, popular));
  const body = JSON.stringify({
    lines: [...ids].map((productId) => ({ productId, quantity: 1 })),
    paymentToken: data.card,
  });
  const placed = http.post(`${data.gateway}/v1/orders`, body, {
    headers,
    tags: { kind: 'place-order', name: 'POST /v1/orders' },
  });
  if (!answered(placed, 201) || Math.random() >= 0.05) return;
  sleep(data.freshWithinSeconds);
  const list = http.get(`${data.gateway}/v1/orders?limit=50`, {
    headers: customer,
    tags: { kind: 'read', name: 'GET /v1/orders' },
  });
  fresh.add(list.body?.toString().includes(placed.json('id') as string) ?? false);
}

/** At a fixed rate, whatever the answers take: a slow shop is not asked less. */
export const steadily = (name: string, rate: number, more: object = {}) => ({
  executor: 'constant-arrival-rate' as const,
  exec: name,
  rate: Math.max(1, Math.round(rate * 10)),
  timeUnit: '10s',
  duration: `${seconds}s`,
  preAllocatedVUs: Math.min(200, Math.max(5, Math.ceil(rate))),
  maxVUs: 400,
  ...more,
});

/** Of the objectives, those that speak of these kinds of requests. */
export function thresholdsFor(...kinds: ('read' | 'place-order' | 'fresh')[]): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries(data.thresholds).filter(([metric]) => kinds.some((kind) => metric.includes(kind))),
  );
}

export const summaryTrendStats = ['avg', 'med', 'p(95)', 'p(99)', 'max', 'count'];
