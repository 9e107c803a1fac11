import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { productPage, type OrderView, type PlaceOrder, type Problem } from '@shop/contracts';
import { register, signIn } from '@shop/infra/login';
import { proveAddresses } from '@shop/infra/proven-addresses';
import { outcomeOf } from '../checker/commands.ts';
import type { Answer, Command } from '../checker/evidence.ts';
import { inTurn } from './front.ts';
import type { Site } from './site.ts';

const cards = { good: '4242424242424242', declined: '4000000000000002' };
const CUSTOMERS = 4;
/** Access tokens live five minutes. */
const TOKEN_AGE_MS = 200_000;
/** A client whose token is refused signs in again, but not for each of its requests that were under way. */
const REFUSED_AGAIN_MS = 5_000;
const REQUEST_MS = 10_000;
const [FIRST_RETRY_MS, LAST_RETRY_MS] = [100, 2_000];

interface Customer {
  readonly subject: string;
  token: string;
  since: number;
  readonly signInAgain: () => Promise<string>;
}

/** What can be ordered, and with what it can be paid. */
interface Shelf {
  readonly mugs: readonly string[];
  readonly soldOut: string;
  readonly tokens: Record<keyof typeof cards, string>;
}

/**
 * Orders at a fixed rate, whatever becomes of those before (open loop): most can be paid, some are declined, out of
 * stock, or cancelled by the customer at once. A client repeats under the same key until it knows; everything it asked
 * and was told stands in its journal.
 */
export class Load {
  readonly journal: Command[] = [];
  /** Requests that wait for their answer. */
  inFlight = 0;
  private readonly commands = new Set<Promise<void>>();
  private arriving: Promise<void> | undefined;
  private stopped = false;
  private giveUpAt = Infinity;
  /** Which gateway is asked next: all in turn, unless something stands before them that knows better. */
  choose: () => string;

  private constructor(
    gateways: readonly string[],
    private readonly customers: readonly Customer[],
    private readonly shelf: Shelf,
  ) {
    this.choose = inTurn(gateways);
  }

  /** Customers who are signed in, before a shop whose orders know every price. */
  static async prepare(site: Site): Promise<Load> {
    const { gateway, provider } = site.shop.urls;
    const [customers, tokens, products] = await Promise.all([
      Promise.all(Array.from({ length: CUSTOMERS }, () => newCustomer(`${gateway}/oidc`))),
      Promise.all(Object.values(cards).map((card) => cardToken(provider, card))),
      fetch(`${gateway}/v1/products?limit=50`).then(async (answer) => productPage.parse(await answer.json()).items),
      pricesKnown(site),
    ]);
    await proveAddresses(site.shop.databases.auth);
    const [good = '', declined = ''] = tokens;
    const mugs = products.filter(({ sku }) => sku !== 'SOLD-OUT').map(({ id }) => id);
    return new Load(site.shop.instances.gateway, customers, {
      mugs,
      soldOut: products.find(({ sku }) => sku === 'SOLD-OUT')?.id ?? '',
      tokens: { good, declined },
    });
  }

  /** The same customers and the same journal, going on with another seed. */
  start(next: () => number, rate: number): void {
    this.stopped = false;
    this.giveUpAt = Infinity;
    this.arriving = this.arrive(next, rate);
  }

  /** No more arrivals; those under way go on until they know, or the time is up. */
  async stop(deadlineMs: number): Promise<void> {
    this.stopped = true;
    this.giveUpAt = performance.now() + deadlineMs;
    await this.arriving;
    await Promise.all(this.commands);
  }

  private async arrive(next: () => number, rate: number): Promise<void> {
    for (let due = performance.now(); !this.stopped; due += 1_000 / rate) {
      await sleep(Math.max(0, due - performance.now()));
      const command = this.command(next).finally(() => this.commands.delete(command));
      this.commands.add(command);
    }
  }

  /** One customer's wish: drawn now, whatever the weather. */
  private command(next: () => number): Promise<void> {
    const pick = <T>(items: readonly T[]) => items[Math.floor(next() * items.length)] as T;
    const [customer, fate, first, quantity] = [
      pick(this.customers),
      next(),
      pick(this.shelf.mugs),
      1 + Math.floor(next() * 3),
    ];
    const soldOut = fate < 0.08;
    const body: PlaceOrder = {
      lines: [{ productId: first, quantity }, ...(soldOut ? [{ productId: this.shelf.soldOut, quantity: 1 }] : [])],
      paymentToken: this.shelf.tokens[fate >= 0.08 && fate < 0.2 ? 'declined' : 'good'],
    };
    return this.place(customer, body, fate >= 0.2 && fate < 0.3);
  }

  private async place(customer: Customer, body: PlaceOrder, cancels: boolean): Promise<void> {
    const key = randomUUID();
    const command: Command = { kind: 'place', key, customer: customer.subject, body, answers: [] };
    this.journal.push(command);
    await this.untilKnown(command, () => this.ask(customer, '/v1/orders', body, { 'idempotency-key': key }));
    const order = command.answers.at(-1)?.order;
    if (!cancels || !order) return;
    const cancellation: Command = { kind: 'cancel', order, customer: customer.subject, answers: [] };
    this.journal.push(cancellation);
    await this.untilKnown(cancellation, () => this.ask(customer, `/v1/orders/${order}/cancellation`, {}));
  }

  private async untilKnown(command: Command, ask: () => Promise<Answer>): Promise<void> {
    for (let pause = FIRST_RETRY_MS; ; pause = Math.min(pause * 2, LAST_RETRY_MS)) {
      command.answers.push(await ask());
      if (outcomeOf(command) !== 'unknown' || performance.now() > this.giveUpAt) return;
      await sleep(pause);
    }
  }

  /** One attempt at one gateway. */
  private async ask(
    customer: Customer,
    path: string,
    body: object,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    this.inFlight++;
    let asked = performance.now();
    try {
      const authorization = `Bearer ${await tokenOf(customer)}`;
      asked = performance.now();
      const response = await fetch(this.choose() + path, {
        method: 'POST',
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json', authorization, ...headers },
        signal: AbortSignal.timeout(REQUEST_MS),
      });
      if (response.status === 401 && performance.now() - customer.since > REFUSED_AGAIN_MS) customer.since = -Infinity;
      const { id, code } = (await response.json()) as Partial<OrderView & Problem>;
      return {
        asked,
        ms: performance.now() - asked,
        status: response.status,
        ...(response.ok && id !== undefined && { order: id }),
        ...(code !== undefined && { code }),
      };
    } catch {
      return { asked, ms: performance.now() - asked };
    } finally {
      this.inFlight--;
    }
  }
}

async function newCustomer(issuer: string): Promise<Customer> {
  const credentials = { issuer, email: `c${randomUUID()}@example.com`, password: 'correct horse battery' };
  const { subject, accessToken } = await register({ ...credentials, name: 'Casey Customer' });
  return {
    subject,
    token: accessToken,
    since: performance.now(),
    signInAgain: async () => (await signIn(credentials)).accessToken,
  };
}

/** Signed in again in time; where that cannot be done now, the old token is good for a while. */
async function tokenOf(customer: Customer): Promise<string> {
  if (performance.now() - customer.since < TOKEN_AGE_MS) return customer.token;
  customer.since = performance.now();
  customer.token = await customer.signInAgain().catch(() => {
    customer.since -= TOKEN_AGE_MS - 2_000;
    return customer.token;
  });
  return customer.token;
}

async function cardToken(provider: string, cardNumber: string): Promise<string> {
  const response = await fetch(`${provider}/v1/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ cardNumber }),
  });
  return ((await response.json()) as { token: string }).token;
}

/** Orders hears of products by catalog's events: before that it would refuse them. */
async function pricesKnown(site: Site): Promise<void> {
  const count = async (store: 'catalog' | 'orders') =>
    (await site.stores.sql<{ count: number }>(store, 'SELECT count(*)::int AS count FROM products'))[0]?.count ?? 0;
  for (const until = performance.now() + 60_000; (await count('orders')) < (await count('catalog')); await sleep(50)) {
    if (performance.now() > until) throw new Error('orders does not know the prices after a minute');
  }
}
