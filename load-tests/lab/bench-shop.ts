import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceName } from '@shop/infra/environment';
import { proveAddresses } from '@shop/infra/proven-addresses';
import { processorMicros } from '@shop/infra/processor-time';
import type { Servers } from '@shop/infra/servers';
import { startShop, type Shop } from '@shop/infra/shop';
import pg from 'pg';
import { perRequest, type Watched } from './tool.ts';
import { Customers, paymentToken, productIds, zipf, type Address } from './traffic.ts';
import type { Plan } from './wrk.ts';

const CUSTOMERS = 16;
/** As many different orders and looks as a plan holds. */
const VARIETY = 2_000;
/** Orders under way, messages that wait to be published, and changes that the list does not know. */
const UNFINISHED = `
  SELECT (SELECT count(*) FROM deadlines) + (SELECT count(*) FROM outbox)
    + (SELECT count(*) FROM events WHERE recorded_at > now() - interval '5 minutes'
        AND NOT EXISTS (SELECT 1 FROM inbox WHERE consumer = 'orders.list' AND message_id = events.id::text)) AS count`;
/** How long what was ordered may take until it has ended. */
const DRAIN_MS = 60_000;

/** Orders that were followed to their end. */
export interface Through<T> {
  readonly round: T;
  readonly orders: number;
  /** From the first to the end of the last. */
  readonly perSecond: number;
  readonly cpuMicros: Record<string, number>;
  /** How many had not ended when it was no longer waited for. */
  readonly unfinished: number;
}

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
    const address: Address = {
      gateway: shop.urls.gateway,
      provider: shop.urls.provider,
      providerKey: shop.providerKey,
    };
    const products = await productIds(address);
    const customers = await Customers.register(address, CUSTOMERS);
    await proveAddresses(shop.databases.auth);
    say(`the shop runs, with ${products.length} products and ${CUSTOMERS} customers`);
    const benched = new BenchShop(shop, servers, customers, products, await paymentToken(address));
    await benched.untilProductsAreKnown();
    return benched;
  }

  /** Orders of one product each, by all customers in turn. */
  async orders(url: string, path: string): Promise<Plan> {
    const bodies = zipf(this.products, VARIETY).map((productId) =>
      JSON.stringify({ lines: [{ productId, quantity: 1 }], paymentToken: this.card }),
    );
    return { url, method: 'POST', paths: [path], bodies, tokens: await this.customers.tokens() };
  }

  /** Looks at single products. */
  async looks(): Promise<Plan> {
    const paths = zipf(this.products, VARIETY).map((id) => `/v1/products/${id}`);
    return { url: this.shop.urls.gateway, method: 'GET', paths, tokens: await this.customers.tokens() };
  }

  /** Looks of each customer at the newest of their orders. */
  async lists(limit: number): Promise<Plan> {
    return {
      url: this.shop.urls.gateway,
      method: 'GET',
      paths: [`/v1/orders?limit=${limit}`],
      tokens: await this.customers.tokens(),
    };
  }

  /** Process ids by name: of services, and of the servers behind them, where they are processes of ours. */
  pids(...names: (ServiceName | 'postgres' | 'kafka' | 'redis')[]): Record<string, number> {
    const services = this.shop.processes.map(({ service, pid }) => [service, pid] as const);
    const servers = this.servers.state.processes.pids.map(({ name, pid }) => [name, pid] as const);
    const known = new Map<string, number | undefined>([...servers, ...services]);
    return Object.fromEntries(
      names.flatMap((name) => (known.get(name) === undefined ? [] : [[name, known.get(name) as number]])),
    );
  }

  /**
   * Until every order has come to its end, is in the list as it is, and its mail is sent: nothing of this round is left
   * to the next. Answers how many did not in time.
   */
  async drained(): Promise<number> {
    let waiting = 0;
    for (const until = Date.now() + DRAIN_MS; Date.now() < until; await sleep(200)) {
      waiting =
        (await this.count('orders', UNFINISHED)) +
        (await this.count('notifications', `SELECT count(*) FROM messages WHERE status = 'queued'`));
      if (waiting === 0) break;
    }
    return waiting;
  }

  /**
   * Has orders placed, and waits until all have gone all the way: how many they were, how many a second that makes, and
   * what an order has cost each process.
   */
  async through<T>(place: () => Promise<T>, processes: Watched): Promise<Through<T>> {
    const placed = () => this.count('orders', 'SELECT count(*) FROM events WHERE version = 1');
    const look = () => Object.entries(processes).map(([name, pid]) => [name, processorMicros(pid)] as const);
    const [before, began, spent] = [await placed(), performance.now(), new Map(look())];
    const round = await place();
    const unfinished = await this.drained();
    const [seconds, after] = [(performance.now() - began) / 1_000, look()];
    const orders = (await placed()) - before;
    const cpuMicros = perRequest(
      Object.fromEntries(after.map(([name, micros]) => [name, micros - (spent.get(name) ?? 0)])),
      orders,
    );
    return { round, orders, perSecond: Math.round(orders / seconds), cpuMicros, unfinished };
  }

  async count(database: 'orders' | 'catalog' | 'notifications', text: string): Promise<number> {
    return Number((await this.rows<{ count: string }>(database, text))[0]?.count ?? NaN);
  }

  async rows<T extends object>(database: 'orders' | 'catalog' | 'notifications', text: string): Promise<T[]> {
    const client = new pg.Client({
      connectionString: this.shop.databases[database].ownerUrl,
      connectionTimeoutMillis: 10_000,
    });
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

/**
 * As in production, but for limits, which a single machine that asks for everybody would reach: they are counted and
 * kept, only higher.
 */
export const noLimits = { RATE_LIMITS: '*.*=1000000/1' };
