import { randomBytes, randomUUID } from 'node:crypto';
import { describeWith } from '@shop/testing';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { serviceNames, type ServiceName } from '../environment.ts';
import { freePorts } from '../ports.ts';
import { startCollector, type Span } from './collector.fixture.ts';
import { e2eBroker, e2eShop, PATIENCE_MS, type Customer, type E2eShop } from './e2e-shop.fixture.ts';

/**
 * Who does something because of whom, on the way of one order: the span on the right hangs below one of the service on
 * the left. A new service is a new line. `what` is how the span's name ends.
 */
const edges: readonly { readonly from: ServiceName; readonly to: ServiceName; readonly what: string }[] = [
  { from: 'gateway', to: 'orders', what: 'POST /orders' },
  { from: 'orders', to: 'catalog', what: 'catalog.reserve-stock.v1' },
  { from: 'catalog', to: 'orders', what: 'catalog.stock-reserved.v1' },
  { from: 'orders', to: 'payments', what: 'payments.authorise-payment.v1' },
  { from: 'payments', to: 'payments', what: 'POST payment provider' },
  { from: 'payments', to: 'orders', what: 'payments.payment-authorised.v1' },
  { from: 'orders', to: 'catalog', what: 'catalog.commit-stock.v1' },
  { from: 'orders', to: 'payments', what: 'payments.capture-payment.v1' },
  { from: 'orders', to: 'notifications', what: 'orders.order-confirmed.v1' },
  { from: 'notifications', to: 'auth', what: 'GET /accounts/:id' },
  { from: 'notifications', to: 'notifications', what: 'SMTP send' },
];
const PRODUCER = 4;

describeWith(e2eBroker, 'telemetry', () => {
  let collector: Awaited<ReturnType<typeof startCollector>>;
  let shop: E2eShop;
  let alice: Customer;
  let ports: number[];
  beforeAll(async () => {
    collector = await startCollector();
    ports = await freePorts(serviceNames.map(() => 0));
    const env = {
      OTEL_TRACES_EXPORTER: 'otlp',
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_METRICS_EXPORTER: 'prometheus',
    };
    shop = await e2eShop(
      'traces',
      Object.fromEntries(
        serviceNames.map((name, index) => [name, { ...env, OTEL_EXPORTER_PROMETHEUS_PORT: `${ports[index]}` }]),
      ),
      1,
    );
    alice = await shop.customer();
    await alice.order(); // orders knows the product from here on
  });
  afterAll(async () => {
    await shop?.stop();
    collector?.close();
  });

  /** Places an order with this traceparent, and resolves when its mail has come. */
  async function placed(traceparent: string): Promise<void> {
    const { status, body } = await alice.post(await alice.basket('DEMO-MUG'), randomUUID(), { traceparent });
    expect(status).toBe(201);
    await alice.until(body.id, 'confirmed');
    await vi.waitFor(async () => expect(await shop.mails(body.id)).toHaveLength(1), {
      timeout: PATIENCE_MS,
      interval: 50,
    });
  }

  it('is one trace from a client’s request to the mail, through six processes, Kafka and the payment provider', async () => {
    const [traceId, client] = [randomBytes(16).toString('hex'), randomBytes(8).toString('hex')];
    await placed(`00-${traceId}-${client}-01`);
    const missing = (spans: readonly Span[]) => {
      const byId = new Map(spans.map((span) => [span.spanId, span]));
      return edges.filter(
        ({ from, to, what }) =>
          !spans.some(
            (span) =>
              span.service === to && span.name.endsWith(what) && byId.get(span.parentSpanId ?? '')?.service === from,
          ),
      );
    };
    // Spans leave in batches, a second apart.
    await vi.waitFor(() => expect(missing(collector.spansOf(traceId))).toEqual([]), {
      timeout: PATIENCE_MS,
      interval: 100,
    });
    await vi.waitFor(() => expect(orphans(collector.spansOf(traceId), client)).toEqual([]), {
      timeout: PATIENCE_MS,
      interval: 100,
    });

    const spans = collector.spansOf(traceId);
    expect(new Set(spans.map(({ service }) => service))).toEqual(new Set(serviceNames));
    expect(spans.filter((span) => span.kind === PRODUCER).map(({ service }) => service)).toEqual(
      expect.arrayContaining(['orders', 'catalog', 'payments']),
    );
  });

  it('keeps no trace whose client wants none', async () => {
    const traceId = randomBytes(16).toString('hex');
    await placed(`00-${traceId}-${randomBytes(8).toString('hex')}-00`);
    // What came later has been handed over: what came before would have been, too.
    const marker = randomBytes(16).toString('hex');
    await placed(`00-${marker}-${randomBytes(8).toString('hex')}-01`);
    await vi.waitFor(
      () => expect(new Set(collector.spansOf(marker).map(({ service }) => service)).size).toBe(serviceNames.length),
      { timeout: PATIENCE_MS, interval: 100 },
    );
    expect(collector.spansOf(traceId)).toEqual([]);
  });

  it.each(serviceNames)('measures %s', async (service) => {
    const missing = async () => {
      const text = await (await fetch(`http://127.0.0.1:${ports[serviceNames.indexOf(service)]}/metrics`)).text();
      return measured[service].filter((pattern) => !pattern.test(text));
    };
    // Levels are looked at every few seconds.
    await vi.waitFor(async () => expect(await missing()).toEqual([]), { timeout: PATIENCE_MS, interval: 200 });
  });
});

/**
 * What Prometheus finds at each service once an order has gone all its way: of each kind of metric the first that would
 * be missed.
 */
const measured: Readonly<Record<ServiceName, readonly RegExp[]>> = {
  gateway: [
    /^http_server_request_duration_count\{.*http_route="\/v1\/orders".*http_response_status_code="201"/m,
    /^nodejs_eventloop_delay_p99/m,
  ],
  auth: [/^http_server_request_duration_bucket\{.*le="0.5"/m, /^db_client_connection_count\{.*state="used"/m],
  catalog: [
    /^messaging_outbox_published_total/m,
    /^messaging_process_duration_count\{.*consumer="catalog.stock".*outcome="handled"/m,
  ],
  orders: [
    /^shop_orders_total\{.*outcome="confirmed"/m,
    /^shop_order_duration_count/m,
    /^messaging_consumer_lag_bucket\{.*consumer="orders.saga".*le="1"/m,
    /^messaging_outbox_age/m,
  ],
  payments: [/^messaging_outbox_publish_duration_sum/m, /^v8js_memory_heap_used/m],
  notifications: [/^messaging_consumer_parked_keys\{.*consumer="notifications.mail"/m, /^process_cpu_time_total/m],
};

/** Spans whose parent nobody has told of. */
function orphans(spans: readonly Span[], client: string): readonly Span[] {
  const known = new Set([client, ...spans.map(({ spanId }) => spanId)]);
  return spans.filter(({ parentSpanId }) => !known.has(parentSpanId ?? ''));
}
