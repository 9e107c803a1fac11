import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { freePorts } from '@shop/infra/ports';
import { processorMicros } from '@shop/infra/processor-time';
import { spread, type Spread, type Bench, type Measured, type Setting } from '../../lab/bench.ts';
import { pace } from '../../lab/pace.ts';
import { judged, type Verdict } from '../../lab/versus.ts';

const LOADS = { full: { rounds: 6, seconds: 10, warmUp: 6 }, quick: { rounds: 1, seconds: 2, warmUp: 2 } } as const;
/**
 * Of the warm-up; and the pace of what counts, well below what there is room for: how fast it can be at most differs
 * more from round to round than telemetry costs.
 */
const [CONNECTIONS, ORDERS_A_SECOND] = [16, 60];
const [SHARE, MICROS] = [0.08, 60];
const measuredServices = ['gateway', 'orders'] as const;

interface Round {
  readonly p50Ms: number;
  /** Processor time an order, its saga included. */
  readonly cpuMicros: Readonly<Record<string, number>>;
  readonly failed: number;
}

type Pair = Readonly<Record<'off' | 'on', Round>>;

/**
 * The same orders with no telemetry at all, and with metrics and one trace of twenty sent to a collector that throws
 * them away.
 */
export const bench: Bench = {
  title: 'What telemetry costs an order',
  need: ['postgres', 'kafka', 'redis'],
  proves: ['P7'],
  async measure(setting: Setting): Promise<Measured> {
    const { rounds, seconds, warmUp } = LOADS[setting.quick ? 'quick' : 'full'];
    const [shop, wrk] = [await setting.shop(), await setting.wrk()];
    const sink = await startSink();
    const ports = await freePorts(measuredServices.map(() => 0));
    const restart = (env: (port: number) => Record<string, string>) =>
      Promise.all(measuredServices.map((name, n) => shop.shop.restart(name, 1, env(ports[n] ?? 0))));
    const plan = () => shop.orders(shop.shop.urls.gateway, '/v1/orders');
    const exporting = (port: number) => ({
      OTEL_TRACES_EXPORTER: 'otlp',
      OTEL_TRACES_SAMPLER_ARG: '0.05',
      OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
      OTEL_METRICS_EXPORTER: 'prometheus',
      OTEL_EXPORTER_PROMETHEUS_PORT: String(port),
    });
    const round = async (env: (port: number) => Record<string, string>): Promise<Round> => {
      await restart(env);
      await wrk.saturate(await plan(), { seconds: warmUp, connections: CONNECTIONS, processes: {} });
      await shop.drained();
      const look = () => measuredServices.map((name) => processorMicros(shop.pids(name)[name] ?? NaN));
      const before = look();
      const { accepted, offered, statuses } = await pace(await plan(), { perSecond: ORDERS_A_SECOND, seconds });
      await shop.drained();
      const spent = look().map((micros, n) => (micros - (before[n] ?? NaN)) / offered);
      return {
        p50Ms: accepted.p50Ms,
        cpuMicros: Object.fromEntries(measuredServices.map((name, n) => [name, Math.round(spent[n] ?? NaN)])),
        failed: offered - (statuses['201'] ?? 0),
      };
    };
    try {
      const found: Pair[] = [];
      for (let n = 1; n <= rounds; n++) {
        found.push({ off: await round(() => ({})), on: await round(exporting) });
        setting.say(`round ${n} of ${rounds}: ${JSON.stringify(found.at(-1))}`);
      }
      const { verdict, hops } = judge(found);
      const doubts = [
        ...found.flatMap(({ off, on }, n) =>
          off.failed + on.failed === 0 ? [] : [`round ${n + 1}: ${off.failed + on.failed} orders failed`],
        ),
        ...(sink.received() === 0 ? ['no span arrived'] : []),
      ];
      return {
        figures: { verdicts: [verdict], seconds, spansReceived: sink.received() > 0, hops, rounds: found },
        lines: [`P7 ${verdict.measured}; goal ${verdict.goal}: ${verdict.verdict}`],
        doubts,
      };
    } finally {
      await restart(() => ({}));
      sink.close();
    }
  },
};

/** `hops`: how much more processor time an order took of each service, in µs. */
function judge(found: readonly Pair[]): { verdict: Verdict; hops: Record<string, Spread> } {
  const ratio = spread(found.map(({ off, on }) => on.p50Ms / off.p50Ms));
  const more = (name: string) =>
    spread(found.map(({ off, on }) => (on.cpuMicros[name] ?? NaN) - (off.cpuMicros[name] ?? NaN)));
  const hops = Object.fromEntries(measuredServices.map((name) => [name, more(name)]));
  const told = Object.entries(hops).map(([name, { median, min, max }]) => `${name} ${median} µs (${min} – ${max})`);
  const met = ratio.median <= 1 + SHARE && Object.values(hops).every(({ median }) => median <= MICROS);
  const verdict: Verdict = {
    id: 'P7',
    what: `telemetry on, 5 % of traces kept, ${ORDERS_A_SECOND} orders a second`,
    base: 'the same without',
    goal: `place-order ≤ ${SHARE * 100} % slower; ≤ ${MICROS} µs CPU a hop`,
    measured: `p50 ${ratio.median} × (${ratio.min} – ${ratio.max}); ${told.join(', ')} more CPU an order`,
    verdict: judged(ratio, met),
    ratio,
  };
  return { verdict, hops };
}

/** A collector that throws away what it gets, and counts. */
async function startSink() {
  let reports = 0;
  const server = createServer((request, response) => {
    request.resume().once('end', () => {
      reports++;
      response.setHeader('content-type', 'application/json').end('{}');
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return { url, received: () => reports, close: () => (server.closeAllConnections(), server.close()) };
}
