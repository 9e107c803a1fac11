import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { OrderHistory, OrderView, ProductPage } from '@shop/contracts';
import { moneyText } from '@shop/kernel';
import type { BusEnvironment } from './bus.ts';
import { signIn } from './login.ts';
import { observe } from './observer.ts';
import { Obstacle } from './state.ts';

/** Where the running shop is reached: all that the story knows of it. */
export interface ShopAddress {
  readonly gateway: string;
  readonly issuer: string;
  readonly provider: string;
  readonly providerKey: string;
  /** The mail catcher's web page. */
  readonly mail: string;
  /** Zipkin, where traces go to it. */
  readonly traces?: string | undefined;
  /** Where what services say to each other can be heard; not when that is inside one process. */
  readonly bus: BusEnvironment;
}

interface Mail {
  readonly subject?: string;
  readonly text?: string;
  readonly html?: string;
  readonly to?: readonly { readonly address: string }[];
}

export type Plot = 'confirmed' | 'declined' | 'out-of-stock' | 'repeated';

/** What an order's life must end with, and how to bring it about. */
const plots: Record<Plot, { sku: string; card: string; status: OrderView['status'] }> = {
  confirmed: { sku: 'DEMO-MUG', card: '4242424242424242', status: 'confirmed' },
  repeated: { sku: 'DEMO-MUG', card: '4242424242424242', status: 'confirmed' },
  declined: { sku: 'DEMO-MUG', card: '4000000000000002', status: 'cancelled' },
  'out-of-stock': { sku: 'SOLD-OUT', card: '4242424242424242', status: 'cancelled' },
};

const DEADLINE_MS = 30_000;
const demo = { email: 'demo@example.com', password: 'demo-password-1' };

/**
 * Places one real order and tells its life as it happens. Every line is something observed from outside: an answer of
 * the API, a message on a topic, a mail in the catcher. Answers whether the order ended as the plot wants it, its mail
 * included.
 */
export async function tellStory(
  shop: ShopAddress,
  say: (line: string) => void,
  plot: Plot = 'confirmed',
): Promise<boolean> {
  const story = new Story(shop, say, plot);
  try {
    return await story.tell();
  } finally {
    await story.close();
  }
}

class Story {
  private began = performance.now();
  private orderId = '';
  private readonly trace = randomBytes(16).toString('hex');
  private stopListening = async () => {};
  /** Messages that were on the bus before we knew the order's id. */
  private readonly early: Record<string, unknown>[] = [];
  private waited = false;

  constructor(
    private readonly shop: ShopAddress,
    private readonly say: (line: string) => void,
    private readonly plot: Plot,
  ) {}

  async tell(): Promise<boolean> {
    const { sku, card, status } = plots[this.plot];
    const [{ accessToken }, product] = await Promise.all([
      signIn({ issuer: this.shop.issuer, ...demo }),
      this.productOf(sku),
      this.listen(),
    ]);
    this.line('auth', 'signed in', `${demo.email} by OpenID Connect, code + PKCE`);
    const paymentToken = await this.tokenOf(card);
    this.line('provider', 'card token', `${paymentToken}: the card number never reaches the shop`);
    const lines = [{ productId: product.id, quantity: 1 }];
    const key = await this.placeWhenKnown(accessToken, { lines, paymentToken });
    if (this.plot === 'repeated') await this.place(accessToken, key, { lines, paymentToken });
    const mail = this.mail();
    const ended = await this.follow(accessToken);
    const delivered = await mail;
    if (this.shop.bus.BUS === 'memory') await this.recount(accessToken);
    this.say('');
    this.say(`  order  ${this.orderId}`);
    this.say(
      `  trace  ${this.shop.traces === undefined ? this.trace : `${this.shop.traces}/zipkin/traces/${this.trace}`}`,
    );
    if (ended === status && delivered) return true;
    this.say(
      `  The story should have ended ${status} with a mail; it ended ${ended ?? 'nowhere'} ${delivered ? 'with' : 'without'} one.`,
    );
    return false;
  }

  async close(): Promise<void> {
    await this.stopListening();
  }

  /**
   * Right after the very first start, orders has not heard of every product yet. Each attempt has a key of its own,
   * which is answered.
   */
  private async placeWhenKnown(token: string, body: object): Promise<string> {
    for (const until = Date.now() + DEADLINE_MS; ; await sleep(250)) {
      const key = randomUUID();
      this.began = performance.now();
      if (await this.place(token, key, body)) return key;
      if (Date.now() > until)
        throw new Obstacle('orders still does not know the product: the events of the catalog do not arrive.');
      this.waited ||= this.line(
        'gateway',
        '422 unknown-product',
        'orders is still hearing of the catalog; trying again',
      );
    }
  }

  /** Answers false when orders does not know the product (yet). */
  private async place(token: string, key: string, body: object): Promise<boolean> {
    const response = await asked(`${this.shop.gateway}/v1/orders`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        'idempotency-key': key,
        traceparent: `00-${this.trace}-${randomBytes(8).toString('hex')}-01`,
      },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
    const text = await response.text();
    if (response.status === 422 && text.includes('unknown-product')) return false;
    if (response.status !== 201) throw new Obstacle(`POST /v1/orders answered ${response.status}: ${text}`);
    const order = JSON.parse(text) as OrderView;
    if (this.orderId !== '' && order.id !== this.orderId)
      throw new Obstacle(`The same Idempotency-Key made a second order, ${order.id}.`);
    const again = response.headers.has('idempotency-replayed')
      ? ', the first answer again: nothing was ordered twice'
      : '';
    this.line(
      'gateway',
      `${response.status} ${order.status}`,
      `POST /v1/orders · ${moneyText({ amount: order.total, currency: order.currency })} · Idempotency-Key ${key}${again}`,
    );
    this.orderId = order.id;
    for (const message of this.early.splice(0)) this.heard(message);
    return true;
  }

  /** Asks the API for the order until it has ended, and says each state that it answers. */
  private async follow(token: string): Promise<OrderView['status'] | undefined> {
    let version = 0;
    for (const until = Date.now() + DEADLINE_MS; Date.now() < until; await sleep(25)) {
      const order = await this.get<OrderView>(`${this.shop.gateway}/v1/orders/${this.orderId}`, token);
      if (order === undefined || order.version === version) continue;
      version = order.version;
      this.line(
        'gateway',
        `200 ${order.status}`,
        `GET /v1/orders/… · version ${version}${order.cancellation ? ` · ${order.cancellation}` : ''}`,
      );
      if (order.status === 'confirmed' || order.status === 'cancelled') return order.status;
    }
    return undefined;
  }

  /** Without topics to listen to, the API is asked what happened. */
  private async recount(token: string): Promise<void> {
    const history = await this.get<OrderHistory>(`${this.shop.gateway}/v1/orders/${this.orderId}/history`, token);
    for (const { version, type, recordedAt } of history?.events ?? []) {
      this.line('gateway', type, `GET /v1/orders/…/history · version ${version} · ${recordedAt}`);
    }
  }

  private async mail(): Promise<boolean> {
    for (const until = Date.now() + DEADLINE_MS; Date.now() < until; await sleep(50)) {
      const mails = await this.get<Mail[]>(`${this.shop.mail}/api/email`);
      const found = mails?.find((mail) => `${mail.subject} ${mail.text} ${mail.html}`.includes(this.orderId));
      if (!found) continue;
      this.line('mail', 'delivered', `“${found.subject}” to ${found.to?.[0]?.address}`);
      return true;
    }
    return false;
  }

  /** What is answered there; undefined when it is not, as while a process is being started again. */
  private async get<T>(url: string, token?: string): Promise<T | undefined> {
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
    try {
      const response = await fetch(url, { headers, signal: AbortSignal.timeout(5_000) });
      const text = await response.text();
      return response.ok ? (JSON.parse(text) as T) : undefined;
    } catch {
      return undefined;
    }
  }

  private async listen(): Promise<void> {
    this.stopListening = await observe(this.shop.bus, ({ topic, value }) => {
      const message = { ...(JSON.parse(value) as object), topic };
      if (this.orderId === '') this.early.push(message);
      else this.heard(message);
    });
  }

  private heard(message: Record<string, unknown>): void {
    if (message['subject'] !== this.orderId) return;
    const sequence = message['sequence'] === undefined ? 'command' : `version ${message['sequence']}`;
    this.line(
      String(message['source']).slice(1),
      what(String(message['type'])),
      `${message['topic']} · ${sequence} · ${message['id']}`,
    );
  }

  private async productOf(sku: string): Promise<ProductPage['items'][number]> {
    const response = await asked(`${this.shop.gateway}/v1/products?limit=20`, {
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
    const text = await response.text();
    if (!response.ok) throw new Obstacle(`GET /v1/products answered ${response.status}: ${text}`);
    const product = (JSON.parse(text) as ProductPage).items.find((item) => item.sku === sku);
    if (!product) throw new Obstacle(`There is no product ${sku} in the catalog.`);
    return product;
  }

  private async tokenOf(cardNumber: string): Promise<string> {
    const response = await asked(`${this.shop.provider}/v1/tokens`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${this.shop.providerKey}` },
      body: JSON.stringify({ cardNumber }),
      signal: AbortSignal.timeout(DEADLINE_MS),
    });
    const text = await response.text();
    if (!response.ok) throw new Obstacle(`The payment provider answered ${response.status}: ${text}`);
    return (JSON.parse(text) as { token: string }).token;
  }

  private line(who: string, event: string, detail: string): true {
    const ms = `${Math.round(performance.now() - this.began)} ms`;
    this.say(`  ${ms.padStart(8)}  ${who.padEnd(13)}  ${event.padEnd(20)}  ${detail}`);
    return true;
  }
}

/** An answer; "not at the moment" is none yet, on a machine that is busy starting: who has a key may ask again. */
async function asked(url: string, init: RequestInit): Promise<Response> {
  for (const until = Date.now() + DEADLINE_MS; ; await sleep(250)) {
    const response = await fetch(url, init);
    if (response.status !== 503 || Date.now() > until) return response;
    await response.body?.cancel();
  }
}

/** `orders.order-placed.v1` → `order-placed`. */
const what = (type: string) => type.split('.')[1] ?? type;

/** Where to look, and what to try next. */
export function whatNext(shop: ShopAddress): string[] {
  return [
    '  Look',
    `    API       ${shop.gateway}/docs`,
    `    Mail      ${shop.mail}`,
    `    Payments  ${shop.provider}`,
    `    Health    ${shop.gateway}/health/ready`,
    ...(shop.traces === undefined ? [] : [`    Traces    ${shop.traces}/zipkin/`]),
    '',
    '  Try',
    `    TOKEN=$(npm run -s login)`,
    `    curl -s "${shop.gateway}/v1/products?limit=3"`,
    `    curl -s -H "authorization: Bearer $TOKEN" ${shop.gateway}/v1/orders`,
    `    npm run order -- --decline        a card that is refused: stock goes back`,
    `    npm run order -- --out-of-stock   nothing left: nothing is charged`,
    `    npm run order -- --repeat         the same Idempotency-Key twice: one order`,
    ...(shop.traces === undefined
      ? []
      : ['    npm run trace <order>             one trace, from the request to the mail']),
  ];
}
