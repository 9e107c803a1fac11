import type { CloudEvent } from '@shop/contracts';
import type { Command, Evidence, Messaging, Published, ServiceName } from './evidence.ts';

/** Evidence that a spec may tamper with. */
export type Tampered = {
  -readonly [K in keyof Evidence]: Evidence[K] extends readonly (infer E)[] ? E[] : Evidence[K];
};

const [customer, mug] = ['customer', 'mug'];
const money = { total: 2_400, currency: 'EUR' };
/** Which topics the inbox rows of each message belong to. */
const readers: Record<string, string[]> = {
  'orders.events': ['orders.list', 'notifications.mail'],
  'catalog.commands': ['catalog.stock'],
  'catalog.stock': ['orders.saga'],
  'payments.commands': ['payments.commands'],
  'payments.events': ['orders.saga'],
  'catalog.products': ['orders.prices'],
};

/**
 * One confirmed order for two mugs, one that was declined and cancelled, each told as the shop tells it: nothing is
 * wrong with it.
 */
export function soundEvidence(): Tampered {
  const shop = new Shop();
  shop.tell('catalog.products', 'mug', 'catalog.product-changed.v1', 1);
  shop.confirmed('paid');
  shop.cancelled('declined');
  return {
    ...shop.evidence(),
    products: [
      {
        id: mug,
        name: 'Mug',
        price: 1_200,
        currency: 'EUR',
        active: true,
        version: 1,
        initial: 10,
        free: 8,
        reserved: 0,
        sold: 2,
      },
    ],
    priced: [{ id: mug, name: 'Mug', price: 1_200, currency: 'EUR', active: true, version: 1 }],
    poison: [],
    lost: [],
    deleted: [],
    counts: {},
    awaited: [],
    open: [],
    lag: { 'orders.saga': 0 },
    gauges: { before: { memoryMiB: 1_000, sockets: 100 }, after: { memoryMiB: 1_050, sockets: 102 } },
    bounds: { stalenessMs: 60_000, memoryMiB: 200, sockets: 20 },
  };
}

class Shop {
  private readonly published: Published[] = [];
  private readonly messaging = Object.fromEntries(
    ['orders', 'catalog', 'payments', 'notifications'].map((name) => [
      name,
      { outbox: [], rejected: [], inbox: [], parked: [], waiting: [], epochs: [] },
    ]),
  ) as unknown as Record<ServiceName, Messaging & { inbox: object[] }>;
  private readonly rest = {
    journal: [],
    events: [],
    keys: [],
    list: [],
    reservations: [],
    payments: [],
    messages: [],
    ledger: [],
    mails: [],
  } as Record<string, object[]>;
  private clock = Date.parse('2026-01-01T00:00:00Z');

  evidence() {
    return structuredClone({
      ...this.rest,
      published: this.published,
      messaging: this.messaging,
    }) as unknown as Tampered;
  }

  confirmed(order: string): void {
    this.place(order);
    const reserve = this.tell('catalog.commands', order, 'catalog.reserve-stock.v1');
    const reserved = this.tell('catalog.stock', order, 'catalog.stock-reserved.v1', 1, reserve);
    this.event(order, 2, 'StockReserved', 'stock-reserved', reserved);
    const authorise = this.tell('payments.commands', order, 'payments.authorise-payment.v1', undefined, reserved);
    const authorised = this.tell('payments.events', order, 'payments.payment-authorised.v1', 1, authorise);
    this.event(order, 3, 'PaymentAuthorised', 'payment-authorised', authorised);
    this.event(order, 4, 'OrderConfirmed', 'order-confirmed', authorised);
    this.tell(
      'catalog.stock',
      order,
      'catalog.stock-committed.v1',
      2,
      this.tell('catalog.commands', order, 'catalog.commit-stock.v1', undefined, authorised),
    );
    this.tell(
      'payments.events',
      order,
      'payments.payment-captured.v1',
      2,
      this.tell('payments.commands', order, 'payments.capture-payment.v1', undefined, authorised),
    );
    this.books(order, {
      status: 'confirmed',
      version: 4,
      stock: 'committed',
      payment: 'captured',
      ledger: ['authorisation', 'capture'],
    });
  }

  cancelled(order: string): void {
    this.place(order);
    const reserve = this.tell('catalog.commands', order, 'catalog.reserve-stock.v1');
    const reserved = this.tell('catalog.stock', order, 'catalog.stock-reserved.v1', 1, reserve);
    this.event(order, 2, 'StockReserved', 'stock-reserved', reserved);
    const authorise = this.tell('payments.commands', order, 'payments.authorise-payment.v1', undefined, reserved);
    const declined = this.tell('payments.events', order, 'payments.payment-declined.v1', 1, authorise);
    this.event(order, 3, 'PaymentDeclined', 'payment-declined', declined);
    this.event(order, 4, 'OrderCancelled', 'order-cancelled', declined);
    this.tell(
      'catalog.stock',
      order,
      'catalog.stock-released.v1',
      2,
      this.tell('catalog.commands', order, 'catalog.release-stock.v1', undefined, declined),
    );
    this.books(order, { status: 'cancelled', version: 4, stock: 'released', payment: 'declined', ledger: ['decline'] });
  }

  /** Puts a message on its topic, and what each reader notes of it into the inboxes. */
  tell(
    topic: string,
    key: string,
    type: string,
    sequence?: number,
    causationid?: string,
    id = `${key}-${type}`,
  ): string {
    const time = new Date((this.clock += 10)).toISOString();
    const event = {
      specversion: '1.0',
      id,
      source: `/${/commands$/.test(topic) ? 'orders' : topic.split('.')[0]}`,
      type,
      subject: key,
      time,
      ...(sequence && { sequence: `${sequence}` }),
      ...(causationid && { causationid }),
      data: {},
    };
    this.published.push({
      topic,
      partition: 0,
      offset: this.published.length,
      key,
      event: event as CloudEvent,
      headers: {},
      at: this.clock,
    });
    for (const consumer of readers[topic] ?? []) {
      if (consumer === 'notifications.mail' && !/order-(confirmed|cancelled)/.test(type)) continue;
      if (consumer === 'orders.saga' && /(committed|released|captured)/.test(type)) continue;
      this.messaging[consumer.split('.')[0] as ServiceName].inbox.push({ consumer, messageId: id, at: this.clock + 5 });
    }
    return id;
  }

  private place(order: string): void {
    const lines = [{ productId: mug, quantity: 2 }];
    const body = { lines, paymentToken: 'tok_card' };
    this.rest['journal']?.push({
      kind: 'place',
      key: `key-of-${order}`,
      customer,
      body,
      answers: [{}, { status: 201, order }],
    } satisfies Command);
    this.rest['keys']?.push({ principal: customer, key: `key-of-${order}`, status: 201, order });
    this.event(order, 1, 'OrderPlaced', 'order-placed', undefined, {
      customerId: customer,
      lines,
      total: { amount: money.total, currency: money.currency },
    });
  }

  private event(
    order: string,
    version: number,
    type: string,
    name: string,
    causationid?: string,
    data: object = {},
  ): void {
    const id = this.tell('orders.events', order, `orders.${name}.v1`, version, causationid);
    this.rest['events']?.push({ stream: order, version, id, type, data });
  }

  private books(
    order: string,
    its: { status: string; version: number; stock: string; payment: string; ledger: string[] },
  ): void {
    const { rest } = this;
    rest['list']?.push({ id: order, customer, status: its.status, version: its.version, ...money });
    rest['reservations']?.push({ order, status: its.stock, version: 2, lines: [{ productId: mug, quantity: 2 }] });
    rest['payments']?.push({ order, status: its.payment, version: its.ledger.length });
    rest['messages']?.push({ eventId: `${order}-end`, order, status: 'sent' });
    rest['mails']?.push({ id: `mail-${order}`, order });
    rest['ledger']?.push(
      ...its.ledger.map((entry) => ({ entry, reference: order, amount: money.total, currency: money.currency })),
    );
  }
}
