import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench } from '../lab/bench.ts';
import type { Experiment, Load } from '../lab/experiment.ts';
import { keysFrom, numbersFrom } from '../lab/seed.ts';
import type { Victim } from '../lab/victim.ts';
import type { Request } from './orders.ts';
import type { Told } from './stop.ts';

interface TracingLoad extends Load {
  readonly orders: number;
  readonly clients: number;
}

/** Where an order stops on its way, by the name that each stop gives its span. */
const stops = [
  'request',
  'payments.commands payments.authorise-payment.v1',
  'orders.saga payments.payment-authorised.v1',
];
const DONE_WITHIN_MS = 60_000;

/**
 * An order goes from one service to another and back, by messages. How much of its way does the trace of its request
 * show?
 */
export const experiment: Experiment<TracingLoad> = {
  title: 'Tracing through messages',
  harm: 'stops of an order that the trace of its request does not show',
  variants: [
    { name: 'requests only', practice: false, what: 'the trace ends where a message begins' },
    { name: 'messages too', practice: true, what: 'the trace context in each message, from the work that wrote it' },
  ],
  load: {
    full: { seed: 20, orders: 1_000, clients: 8 },
    quick: { seed: 20, orders: 50, clients: 4 },
  },
  tables: 'CREATE TABLE paid (order_id text PRIMARY KEY);',
  topics: ['payments.commands', 'payments.events', 'catalog.stock'],

  async round(bench, { name }, load) {
    const requests = plan(load);
    const services = await Promise.all([
      bench.start(import.meta.resolve('./orders.ts'), name),
      bench.start(import.meta.resolve('./payments.ts'), name),
    ]);
    await askAll(services[0], requests, load.clients);
    const paid = await untilPaid(bench, load.orders);
    const spans = (await Promise.all(services.map((service) => service.ask<Told[]>('spans')))).flatMap(
      (told) => told ?? [],
    );

    const traces = new Set(requests.map(({ traceparent }) => traceparent.split('-')[1] ?? ''));
    const stations = spans.filter(({ name }) => stops.includes(name));
    const shown = new Set(
      stations.filter(({ traceId }) => traces.has(traceId)).map(({ traceId, name }) => `${traceId} ${name}`),
    );
    const made = new Set(stations.map(({ traceId, name, spanId }) => `${traceId} ${name} ${spanId}`)).size;
    return {
      harm: requests.length * stops.length - shown.size,
      figures: {
        orders: requests.length,
        'stops made': made,
        'stops shown': shown.size,
        'spans in all': spans.length,
        'traces in all': new Set(spans.map(({ traceId }) => traceId)).size,
      },
      doubts: [
        ...bench.doubts(...services),
        ...(paid === load.orders ? [] : [`of ${load.orders} orders ${paid} came to their end`]),
        // Whatever is shown of it, each stop was made and told of.
        ...(made >= requests.length * stops.length
          ? []
          : [`${requests.length * stops.length - made} stops were never told of`]),
      ],
    };
  },
};

/** Each request comes with a trace of its client's. */
function plan({ seed, orders }: TracingLoad): Request[] {
  const next = numbersFrom(seed);
  const [ids, traces] = [keysFrom(next, orders), keysFrom(next, orders)];
  return ids.map((orderId, number) => ({
    orderId,
    traceparent: `00-${traces[number]?.replaceAll('-', '') ?? ''}-00f067aa0ba902b7-01`,
  }));
}

async function askAll(service: Victim, requests: readonly Request[], clients: number): Promise<void> {
  const waiting = requests.values();
  const client = async () => {
    for (const request of waiting) await service.ask(request);
  };
  await Promise.all(Array.from({ length: clients }, client));
}

async function untilPaid(bench: Bench, orders: number): Promise<number> {
  for (const until = Date.now() + DONE_WITHIN_MS; ; await sleep(50)) {
    const [row] = await bench.query<{ paid: number }>('SELECT count(*)::int AS paid FROM paid');
    const paid = row?.paid ?? 0;
    if (paid >= orders || Date.now() > until) return paid;
  }
}
