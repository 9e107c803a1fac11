import type { Body, Dialect, Money } from './dialects.ts';
import { orderOf, type Shop } from './shop.ts';

/** What a client came to. */
export interface Tally {
  requests: number;
  /** Answered with anything but success. */
  refused: number;
  readings: number;
  /** What was read was not there, or not what is in the shop. */
  wrong: number;
  /** Answers that said when this version ends. */
  warned: number;
  /** Of each way to fail, once. */
  readonly cases: Set<string>;
}

const LIMIT = 20;

/**
 * A program that uses the shop through one version of its API: a window, a basket, a customer's page and the tool by
 * which prices are made.
 */
export class Client {
  readonly tally: Tally = { requests: 0, refused: 0, readings: 0, wrong: 0, warned: 0, cases: new Set() };

  constructor(
    private readonly url: string,
    private readonly token: string,
    private readonly dialect: Dialect,
    private readonly shop: Shop,
  ) {}

  /** Everything that it does, once. `attempt` names this time among others. */
  async session(attempt: string, choice: number): Promise<void> {
    const { products, orders, messages } = this.shop;
    await this.list('/products', products, (product, { name, price, currency }) => {
      this.read('the name of a product', () => product.name, name);
      this.read('its price', () => this.dialect.price(product), [price, currency]);
    });
    await this.list('/orders', orders, (order, { status, total, currency }) => {
      this.read('the status of an order', () => order.status, status);
      this.read('what an order costs', () => this.dialect.total(order), [total, currency]);
    });
    await this.list('/notifications', messages, (message, { kind }) =>
      this.read('what a message says', () => message.kind, kind),
    );
    await this.buys(attempt, choice);
    await this.makesPrices(attempt, choice);
  }

  /** Every page of a list, as long as the program finds its way. */
  private async list<T>(path: string, truth: readonly T[], each: (shown: Body, real: T) => void): Promise<void> {
    const start = `${path}?limit=${LIMIT}`;
    let seen = 0;
    for (let address: string | undefined = this.dialect.prefix + start; address !== undefined; ) {
      const page = await this.ask('GET', address);
      const count = Math.min(LIMIT, truth.length - seen);
      if (!this.read(`what is on a page of ${path}`, () => this.dialect.items(page).length, count)) return;
      this.dialect.items(page).forEach((shown, n) => each(shown, truth[seen + n] as T));
      seen += count;
      address = this.dialect.next(page, this.dialect.prefix + start);
    }
    this.read(`the end of ${path}`, () => seen, truth.length);
  }

  private async buys(attempt: string, choice: number): Promise<void> {
    const { dialect, shop } = this;
    const { id: productId, price, currency } = shop.products[choice % shop.products.length]!;
    const lines = [{ productId, quantity: 2 }];
    const product = await this.ask('GET', `${dialect.prefix}/products/${productId}`);
    this.read('the price of one product', () => dialect.price(product), [price, currency]);
    const order = await this.ask(
      'POST',
      `${dialect.prefix}/orders`,
      { lines, paymentToken: 'tok_visa' },
      { 'idempotency-key': `${attempt}-order` },
    );
    const truth = orderOf(shop.products, shop.orders[0]!.id, lines);
    this.read('what the new order costs', () => dialect.total(order), [truth.total, truth.currency]);
    this.read('the price in its line', () => dialect.unitPrice(order.lines[0], order), [price, currency]);
  }

  private async makesPrices(attempt: string, choice: number): Promise<void> {
    const { dialect, shop } = this;
    const words = { sku: `NEW-${choice}`, name: 'New', description: '', stock: 5 };
    const made = await this.ask('POST', `${dialect.prefix}/products`, dialect.newProduct(words, [4_900, 'EUR']), {
      'idempotency-key': `${attempt}-product`,
    });
    this.read('the price of a new product', () => dialect.price(made), [4_900, 'EUR']);
    const changed = await this.ask(
      'PATCH',
      `${dialect.prefix}/products/${shop.products[0]!.id}`,
      dialect.newPrice(1_450),
      { 'if-match': '*' },
    );
    this.read('a new price', () => dialect.price(changed), [1_450, 'EUR']);
  }

  private async ask(method: string, path: string, body?: object, more: Record<string, string> = {}): Promise<Body> {
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const headers = { authorization: `Bearer ${this.token}`, ...(body && { 'content-type': type }), ...more };
    const init = { method, headers, ...(body && { body: JSON.stringify(body) }), signal: AbortSignal.timeout(30_000) };
    const answer = await fetch(this.url + path, init);
    this.tally.requests++;
    if (answer.headers.has('sunset')) this.tally.warned++;
    if (!answer.ok) {
      this.tally.refused++;
      this.tally.cases.add(
        `${method} ${path.split('?')[0]?.replace(/[0-9a-f-]{36}/, '…')} is answered with ${answer.status}`,
      );
    }
    return answer.json();
  }

  /**
   * One reading, and whether it is right. A program that finds nothing where it looks gets nothing, or an exception.
   */
  private read<T extends string | number | Money>(what: string, take: () => T, truth: T): boolean {
    this.tally.readings++;
    let got: unknown;
    try {
      got = take();
    } catch {
      got = undefined;
    }
    if (JSON.stringify(got) === JSON.stringify(truth)) return true;
    this.tally.wrong++;
    this.tally.cases.add(`${what} is read as ${JSON.stringify(got) ?? 'nothing'}`.replaceAll(/\d{3,}/g, '…'));
    return false;
  }
}
