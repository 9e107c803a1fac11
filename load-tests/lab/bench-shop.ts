import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceName } from '@shop/infra/environment';
import type { Servers } from '@shop/infra/servers';
import { startShop, type Shop } from '@shop/infra/shop';
import pg from 'pg';
import { Customers, paymentToken, productIds, zipf, type Address } from './traffic.ts';
import type { Plan } from './wrk.ts';

const CUSTOMERS = 16;
/** As many different orders and looks as a plan holds. */
const VARIETY = 2_000;
/** How long what was ordered may take until it has ended. */
const DRAIN_MS = 40_000;

/** The whole shop, one instance of each service, with customers who are signed in: what benches ask. */
export class BenchShop {
  private constructor(
    readonly shop: Shop,
    private readonly servers: Servers,
    private readonly customers: Customers,
    private readonly products: readonly string[],
    private readonly card: string,
  ) {}

  static async start(servers: Servers, say: (line: string) => void): Promise<BenchShop> {
    const env = Object.fromEntries(services.map((name) => [name, noLimits]));
    const shop = await startShop({ servers, ports: 'free', say: () => {}, env });
    try {
      return await BenchShop.of(shop, servers, say);
    } catch (error) {
      await shop.stop();
      throw error;
    }
  }

  /** A shop that runs already, as benches see it. */
  static async of(shop: Shop, servers: Servers, say: (line: string) => void): Promise<BenchShop> {
    const address: Address = { gateway: shop.urls.gateway, provider: shop.urls.provider, providerKey: shop.providerKey };
    const products = await productIds(address);
    const customers = await Customers.register(address, CUSTOMERS);
    say(`the shop runs, with ${products.length} products and ${CUSTOMERS} customers`);
    const benched = new BenchShop(shop, servers, customers, products, await paymentToken(address));
    await benched.untilProductsAreKnown();
    return benched;
  }

  /** Orders of one product each, by all customers in turn. */
  async orders(url: string, path: string): Promise<Plan> {
    const bodies = zipf(this.products, VARIETY).map((productId) => JSON.stringify({ lines: [{ productId, quantity: 1 }], paymentToken: this.card }));
    return { url, method: 'POST', paths: [path], bodies, tokens: await this.customers.tokens() };
  }

  /** Looks at single products. */
  async looks(): Promise<Plan> {
    const paths = zipf(this.products, VARIETY).map((id) => `/v1/products/${id}`);
    return { url: this.shop.urls.gateway, method: 'GET', paths, tokens: await this.customers.tokens() };
  }

  /** Looks of each customer at the newest of their orders. */
  async lists(limit: number): Promise<Plan> {
    return { url: this.shop.urls.gateway, method: 'GET', paths: [`/v1/orders?limit=${limit}`], tokens: await this.customers.tokens() };
  }

  /** Process ids by name: of services, and of the servers behind them, where they are processes of ours. */
  pids(...names: (ServiceName | 'postgres' | 'kafka' | 'redis')[]): Record<string, number> {
    const services = this.shop.processes.map(({ service, pid }) => [service, pid] as const);
    const servers = this.servers.state.processes.pids.map(({ name, pid }) => [name, pid] as const);
    const known = new Map<string, number | undefined>([...servers, ...services]);
    return Object.fromEntries(names.flatMap((name) => (known.get(name) === undefined ? [] : [[name, known.get(name) as number]])));
  }

  /** Until every order has come to its end, so that nothing of this round is left to the next. Answers how many did not in time. */
  async drained(): Promise<number> {
    let waiting = 0;
    for (const until = Date.now() + DRAIN_MS; Date.now() < until; await sleep(200)) {
      waiting = await this.count('orders', 'SELECT (SELECT count(*) FROM deadlines) + (SELECT count(*) FROM outbox) AS count');
      if (waiting === 0) break;
    }
    return waiting;
  }

  async count(database: 'orders' | 'catalog' | 'notifications', text: string): Promise<number> {
    return Number((await this.rows<{ count: string }>(database, text))[0]?.count ?? NaN);
  }

  async rows<T extends object>(database: 'orders' | 'catalog' | 'notifications', text: string): Promise<T[]> {
    const client = new pg.Client({ connectionString: this.shop.databases[database].ownerUrl, connectionTimeoutMillis: 10_000 });
    await client.connect();
    try {
      return (await client.query<T>(text)).rows;
    } finally {
      await client.end();
    }
  }

  stop(): Promise<void> {
    return this.shop.stop();
  }

  /** Orders prices what it has heard of: right after the first start the catalog's events are still on their way. */
  private async untilProductsAreKnown(): Promise<void> {
    for (const until = Date.now() + DRAIN_MS; Date.now() < until; await sleep(200)) {
      if ((await this.count('orders', 'SELECT count(*) FROM products')) >= this.products.length) return;
    }
    throw new Error('orders does not hear of the products');
  }
}

const services: readonly ServiceName[] = ['gateway', 'auth', 'catalog', 'orders', 'payments', 'notifications'];

/** As in production, but for limits, which a single machine that asks for everybody would reach: they are counted and kept, only higher. */
export const noLimits = { RATE_LIMITS: '*.*=1000000/1' };
