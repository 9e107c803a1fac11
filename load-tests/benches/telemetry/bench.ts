import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { freePorts } from '@shop/infra/ports';
import { spread, type Bench, type Measured, type Setting } from '../../lab/bench.ts';
import { costOf, failures, inTurn, judged, linesOf, type Verdict } from '../../lab/versus.ts';

const LOADS = { full: { rounds: 5, seconds: 5, warmUp: 8 }, quick: { rounds: 1, seconds: 2, warmUp: 2 } } as const;
const CONNECTIONS = 16;
const [SHARE, MICROS] = [0.08, 60];
const measuredServices = ['gateway', 'orders'] as const;
const [off, on] = ['telemetry off', 'telemetry on'] as const;

/** The same orders with no telemetry at all, and with metrics and one trace of twenty sent to a collector that throws them away. */
export const bench: Bench = {
  title: 'What telemetry costs an order',
  need: ['postgres', 'kafka', 'redis'],
  proves: ['P7'],
  async measure(setting: Setting): Promise<Measured> {
    const { rounds, seconds, warmUp } = LOADS[setting.quick ? 'quick' : 'full'];
    const [shop, wrk] = [await setting.shop(), await setting.wrk()];
    const sink = await startSink();
    const ports = await freePorts(measuredServices.map(() => 0));
    const restart = (env: (port: number) => Record<string, string>) => Promise.all(measuredServices.map((name, n) => shop.shop.restart(name, 1, env(ports[n] ?? 0))));
    const exporting = (port: number) => ({
      OTEL_TRACES_EXPORTER: 'otlp',
      OTEL_TRACES_SAMPLER_ARG: '0.05',
      OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
      OTEL_METRICS_EXPORTER: 'prometheus',
      OTEL_EXPORTER_PROMETHEUS_PORT: String(port),
    });
    const side = (name: string, env: (port: number) => Record<string, string>) => ({
      name,
      async run() {
        await restart(env);
        const plan = () => shop.orders(shop.shop.urls.gateway, '/v1/orders');
        await wrk.saturate(await plan(), { seconds: warmUp, connections: CONNECTIONS, processes: {} });
        await shop.drained();
        return wrk.saturate(await plan(), { seconds, connections: CONNECTIONS, processes: shop.pids('gateway', 'orders') });
      },
      rest: async () => void (await shop.drained()),
    });
    try {
      const found = await inTurn([side(off, () => ({})), side(on, exporting)], rounds, setting.say);
      const rate = (name: string) => (found[name] ?? []).map(({ perSecond }) => perSecond);
      const ratio = spread(rate(on).map((value, round) => value / (rate(off)[round] ?? NaN)));
      const hops = Object.fromEntries(measuredServices.map((name) => [name, Math.round(costOf(found[on] ?? [], name) - costOf(found[off] ?? [], name))]));
      const met = ratio.median >= 1 - SHARE && Object.values(hops).every((micros) => micros <= MICROS);
      const measured = `${ratio.median} × (${ratio.min} – ${ratio.max}) as many orders; ${Object.entries(hops).map(([name, micros]) => `${name} ${micros} µs`).join(', ')} more CPU an order`;
      const verdict: Verdict = { id: 'P7', what: 'telemetry on, 5 % of traces kept', base: 'the same without', goal: `place-order ≤ ${SHARE * 100} % slower; ≤ ${MICROS} µs CPU a hop`, measured, verdict: judged(ratio, met), ratio };
      return { figures: { verdicts: [verdict], seconds, spansReceived: sink.received() > 0, hops, rounds: found }, lines: linesOf(found, [verdict]), doubts: [...failures(found), ...(sink.received() === 0 ? ['no span arrived'] : [])] };
    } finally {
      await restart(() => ({}));
      sink.close();
    }
  },
};

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
