import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { servers } from '@shop/testing';
import { productPage, type OrderView, type Problem } from '@shop/contracts';
import pg from 'pg';
import { vi } from 'vitest';
import type { DatabaseName } from '../databases.ts';
import { register, signIn } from '../login.ts';
import { proveAddresses } from '../proven-addresses.ts';
import { wishedBus } from '../bus.ts';
import { startServers, type ServerName } from '../servers/index.ts';
import { RedisLine } from './redis-line.fixture.ts';
import { startShop, type Shop, type ShopOptions } from '../shop.ts';
import { wipeState } from '../state.ts';

/** An answer of the API, parsed: what was asked for, or a problem. */
export interface Answer<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T & Pick<Problem, 'code' | 'errors' | 'traceId'>;
}

/** How long anything may take before it counts as never, also on a machine that is busy with other things. */
export const PATIENCE_MS = 90_000;

type Request = Omit<RequestInit, 'headers'> & { headers?: Record<string, string> };

/** The broker of this run: Kafka, or what $BUS says. */
const bus = wishedBus();
export const e2eBroker = bus === 'memory' ? 'kafka' : bus;

/** The card numbers of the payment provider that the tests use. */
export const cards = { good: '4242424242424242', declined: '4000000000000002' } as const;

/**
 * A whole shop for one spec file: two instances of every service unless said, with fail-points that can be armed.
 * Databases of its own on the Postgres of this run, and a broker of its own: what one file's shop still had under way
 * must not reach the next one's. `settings` is more environment for a service's instances.
 */
export async function e2eShop(name: string, settings: ShopOptions['env'] = {}, instances = 2): Promise<E2eShop> {
  const { postgres, redis, prefix } = servers();
  const line = redis && (await RedisLine.to(redis.url));
  Object.assign(process.env, { POSTGRES_URL: postgres.adminUrl, ...(line && { REDIS_URL: line.url }) });
  const folder = join(import.meta.dirname, '../../.state-tests', `${name}-${process.pid}`);
  const need: ServerName[] = ['postgres', e2eBroker, ...(redis ? (['redis'] as const) : [])];
  const running = await startServers({ state: folder, need, mode: 'testcontainers', say: () => {} });
  const failPoints = mkdtempSync(join(running.state.folder, 'fail-points-'));
  const env = { FAIL_POINTS_DIR: failPoints };
  const shop = await startShop({
    servers: running,
    instances,
    ports: 'free',
    prefix: `${prefix}${name}_`,
    say: () => {},
    env: {
      ...settings,
      ...Object.fromEntries(
        (['catalog', 'orders', 'payments', 'notifications'] as const).map((service) => [
          service,
          { ...env, ...settings[service] },
        ]),
      ),
    },
  });
  const stop = async () => {
    await shop.stop();
    await running.stop();
    line?.stop();
    wipeState(folder);
  };
  return new E2eShop(shop, { failPoints, folder, redis: line }, stop);
}

/** The shop as a customer, an operator and an accident see it. */
export class E2eShop {
  readonly failPoints: string;
  /** Where its processes keep their logs. */
  readonly folder: string;
  /** Its way to the Redis of this run, where there is one. */
  readonly redis: RedisLine | undefined;

  constructor(
    readonly shop: Shop,
    at: { failPoints: string; folder: string; redis: RedisLine | undefined },
    readonly stop: () => Promise<void>,
  ) {
    this.failPoints = at.failPoints;
    this.folder = at.folder;
    this.redis = at.redis;
  }

  /** A new customer, signed in, whose mailbox counts as proven. */
  async customer(): Promise<Customer> {
    const { customer } = await this.stranger();
    await proveAddresses(this.shop.databases.auth);
    return customer;
  }

  /** A new customer, signed in, who has a mail with a link to answer. */
  async stranger(): Promise<{ customer: Customer; email: string; password: string }> {
    const email = `c${Math.random().toString(36).slice(2)}@example.com`;
    const credentials = { issuer: `${this.shop.urls.gateway}/oidc`, email, password: 'correct horse battery' };
    const { accessToken, subject } = await register({ ...credentials, name: 'Casey Customer' });
    return {
      ...credentials,
      customer: new Customer(this, subject, accessToken, async () => (await signIn(credentials)).accessToken),
    };
  }

  /**
   * One request to a gateway, the two in turn; the answer, whatever it is. "Not at the moment" is no answer yet: a good
   * client asks again, with the same Idempotency-Key, and so do we, since a busy machine is no fault of the shop's.
   */
  async ask<T = unknown>(path: string, { method, headers, ...init }: Request = {}): Promise<Answer<T>> {
    const gateways = this.shop.instances.gateway;
    for (const until = Date.now() + PATIENCE_MS; ; await sleep(200)) {
      const url = gateways[this.asked++ % gateways.length] + path;
      const response = await fetch(url, {
        ...init,
        method: method ?? 'GET',
        headers: headers ?? {},
        signal: AbortSignal.timeout(30_000),
      });
      const text = await response.text();
      if (response.status === 503 && Date.now() < until) continue;
      return {
        status: response.status,
        headers: response.headers,
        body: (text === '' ? {} : JSON.parse(text)) as Answer<T>['body'],
      };
    }
  }
  private asked = 0;

  /** Rows of a service's own database, as its operator sees them. */
  async sql<T extends object = Record<string, unknown>>(
    database: DatabaseName,
    text: string,
    values: unknown[] = [],
  ): Promise<T[]> {
    const client = new pg.Client({ connectionString: this.shop.databases[database].ownerUrl });
    await client.connect();
    try {
      return (await client.query<T>(text, values)).rows;
    } finally {
      await client.end();
    }
  }

  /**
   * Product ids by sku, of the first page; asked for again where no answer came, as when catalog has just been killed.
   */
  products(): Promise<Map<string, string>> {
    return vi.waitFor(
      async () => {
        const { status, body } = await this.ask('/v1/products?limit=50');
        if (status !== 200) throw new Error(`GET products: ${status} ${body.code}`);
        return new Map(productPage.parse(body).items.map(({ sku, id }) => [sku, id]));
      },
      { timeout: PATIENCE_MS, interval: 200 },
    );
  }

  /** What the payment provider did about an order, oldest first: the outside world's own word. */
  async ledger(orderId: string): Promise<string[]> {
    const rows = await this.provider<{ entry: string }[] | { rows: { entry: string }[] }>(
      `/v1/ledger?reference=${orderId}`,
    );
    return (Array.isArray(rows) ? rows : rows.rows).map((row) => row.entry);
  }

  /** How the payment provider behaves from now on. */
  async turnKnobs(knobs: object): Promise<void> {
    await this.provider('/knobs', { method: 'PUT', body: JSON.stringify(knobs) });
  }

  async cardToken(cardNumber: string): Promise<string> {
    return (
      await this.provider<{ token: string }>('/v1/tokens', { method: 'POST', body: JSON.stringify({ cardNumber }) })
    ).token;
  }

  /** Subjects of the mails about an order that were delivered. */
  async mails(orderId: string): Promise<string[]> {
    return (await this.delivered())
      .filter((mail) => `${mail.text} ${mail.html}`.includes(orderId))
      .map((mail) => mail.subject);
  }

  /** The text of each mail to an address. */
  async mailbox(address: string): Promise<string[]> {
    return (await this.delivered())
      .filter(({ to }) => to.some((each) => each.address === address))
      .map(({ text }) => text ?? '');
  }

  private async delivered(): Promise<{ subject: string; text?: string; html?: string; to: { address: string }[] }[]> {
    return (await (await fetch(`${this.shop.urls.mail}/api/email`)).json()) as Awaited<
      ReturnType<E2eShop['delivered']>
    >;
  }

  private async provider<T>(path: string, init: RequestInit = {}): Promise<T> {
    const headers = {
      authorization: `Bearer ${this.shop.providerKey}`,
      ...(init.body ? { 'content-type': 'application/json' } : {}),
    };
    const response = await fetch(this.shop.urls.provider + path, {
      ...init,
      headers,
      signal: AbortSignal.timeout(10_000),
    });
    if (!response.ok) throw new Error(`provider ${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as T;
  }
}

/** Access tokens live five minutes; a slow machine may need longer for a file of tests. */
const TOKEN_AGE_MS = 240_000;

/** Somebody who is signed in, and signs in again in time. */
export class Customer {
  private since = Date.now();

  constructor(
    private readonly shop: E2eShop,
    readonly subject: string,
    private token: string,
    private readonly signInAgain: () => Promise<string>,
  ) {}

  async ask<T = OrderView>(path: string, init: Request = {}): Promise<Answer<T>> {
    return this.shop.ask<T>(path, { ...init, headers: { authorization: await this.authorization(), ...init.headers } });
  }

  /** The header that says who they are. */
  async authorization(): Promise<string> {
    if (Date.now() - this.since > TOKEN_AGE_MS) {
      this.token = await this.signInAgain();
      this.since = Date.now();
    }
    return `Bearer ${this.token}`;
  }

  /** POST /v1/orders with a body of any shape, even a wrong one. */
  post(body: unknown, key: string, headers: Record<string, string> = {}): Promise<Answer<OrderView>> {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return this.ask('/v1/orders', {
      method: 'POST',
      body: text,
      headers: { 'content-type': 'application/json', 'idempotency-key': key, ...headers },
    });
  }

  /** The body of an order for one product. */
  async basket(
    sku: string,
    { quantity = 1, card = cards.good as string } = {},
  ): Promise<{ lines: { productId: string; quantity: number }[]; paymentToken: string }> {
    const [products, paymentToken] = await Promise.all([this.shop.products(), this.shop.cardToken(card)]);
    return { lines: [{ productId: products.get(sku) ?? sku, quantity }], paymentToken };
  }

  /** Places an order that is taken, trying again with the same key where no answer came: what a good client does. */
  async order(sku = 'DEMO-MUG', options: { quantity?: number; card?: string } = {}): Promise<OrderView> {
    const basket = await this.basket(sku, options);
    let key = crypto.randomUUID();
    return vi.waitFor(
      async () => {
        const { status, body } = await this.post(basket, key);
        // A refusal is the answer to its key for good; orders may hear of the product a moment later.
        if (body.code === 'unknown-product') key = crypto.randomUUID();
        if (status !== 201) throw new Error(`${status} ${body.code}`);
        return body;
      },
      { timeout: PATIENCE_MS, interval: 200 },
    );
  }

  async get(id: string): Promise<OrderView> {
    const { status, body } = await this.ask(`/v1/orders/${id}`);
    if (status !== 200) throw new Error(`GET order: ${status} ${body.code}`);
    return body;
  }

  /** The order once it has come to one of these states. */
  until(id: string, ...states: OrderView['status'][]): Promise<OrderView> {
    return vi.waitFor(
      async () => {
        const order = await this.get(id);
        if (!states.includes(order.status)) throw new Error(`${id} is ${order.status}, not ${states.join(' or ')}`);
        return order;
      },
      { timeout: PATIENCE_MS, interval: 50 },
    );
  }
}
