import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { memoryOf } from '@shop/infra/memory';
import { objectives } from '@shop/infra/objectives';
import type { Loaded } from './loaded-shop.ts';
import { readSummary, type Summary } from './run-folder.ts';
import type { Wish } from './scenario-plan.ts';
import { between, readHistogram, type Latency, type ServerSide } from './server-side.ts';
import { perRequest, runTool } from './tool.ts';

export interface ScenarioRound {
  /** Whether every threshold did. */
  readonly held: boolean;
  /** As k6 saw it: all requests, and those that the gateway was asked about. */
  readonly client: {
    readonly requests: number;
    readonly perSecond: number;
    readonly failedShare: number;
    readonly p50Ms: number;
    readonly p99Ms: number;
    readonly dropped: number;
  };
  /** What the gateway itself measured of the same requests; absent where it offers no metrics. */
  readonly server?: Latency;
  /** Processor time per request, in microseconds, of each process and of k6 (`tool`). */
  readonly cpuMicros: Readonly<Record<string, number>>;
  /** PSS of each process after the round, in MiB. */
  readonly memoryMiB: Readonly<Record<string, number>>;
}

export interface RoundOptions {
  readonly wish: Wish;
  readonly k6: string;
  readonly shop: Loaded;
  readonly data: string;
  readonly folder: string;
  readonly say: (line: string) => void;
}

/** k6's exit code when thresholds were crossed. */
const CROSSED = 99;
/** How long k6 may take beyond the load itself. */
const GRACE_MS = 90_000;

/** Runs the scenario once; the folder then has k6's report and summary. */
export async function oneRound({ wish, k6, shop, data, folder, say }: RoundOptions): Promise<ScenarioRound> {
  const script = fileURLToPath(new URL(`../scenarios/${wish.name}.ts`, import.meta.url));
  const summary = join(folder, 'summary.json');
  const env = {
    ...process.env,
    K6_WEB_DASHBOARD: 'true',
    K6_WEB_DASHBOARD_PORT: '-1', // the report alone: no page that listens somewhere
    K6_WEB_DASHBOARD_PERIOD: '1s',
    K6_WEB_DASHBOARD_EXPORT: join(folder, 'report.html'),
    K6_NO_USAGE_REPORT: 'true',
  };
  const told = { LOAD_DATA: data, LOAD_RATE: String(wish.rate), LOAD_SECONDS: String(wish.seconds) };
  const args = [
    'run',
    '--quiet',
    '--summary-export',
    summary,
    ...Object.entries(told).flatMap(([name, value]) => ['-e', `${name}=${value}`]),
    script,
  ];
  const [before, watched] = [await serverSide(shop, wish), shop.pids()];
  const { code, output, spent } = await runTool(
    { program: k6, args, env, patience: wish.seconds * 1_000 + GRACE_MS, hear: say },
    watched,
  );
  if (code !== 0 && code !== CROSSED) throw new Error(`k6 ended with ${code}:\n${output}`);
  const metrics = readSummary(summary);
  const after = await serverSide(shop, wish);
  const server = before && after && between(before, after);
  const client = clientSide(metrics, wish.reconcile);
  if (server)
    say(
      `${wish.reconcile}: p99 ${client.p99Ms} ms at k6, ${server.p99Ms} ms at the gateway; ${server.requests} requests there`,
    );
  const memoryMiB = Object.fromEntries(
    Object.entries(watched).map(([name, pid]) => [name, Math.round((memoryOf(pid) ?? 0) / 2 ** 20)]),
  );
  return {
    held: code === 0,
    client,
    ...(server && { server }),
    cpuMicros: perRequest(spent, client.requests),
    memoryMiB,
  };
}

function clientSide(metrics: Summary, kind: string): ScenarioRound['client'] {
  const own = metrics[`http_req_duration{kind:${kind}}`] ?? metrics['http_req_duration'] ?? {};
  const rounded = (value: number | undefined) => Math.round((value ?? NaN) * 100) / 100;
  const { count = NaN, rate = NaN } = metrics['http_reqs'] ?? {};
  const dropped = metrics['dropped_iterations']?.['count'] ?? 0;
  return {
    requests: count,
    perSecond: rounded(rate),
    failedShare: metrics['http_req_failed']?.['value'] ?? NaN,
    p50Ms: rounded(own['med']),
    p99Ms: rounded(own['p(99)']),
    dropped,
  };
}

async function serverSide({ metrics }: Loaded, { reconcile }: Wish): Promise<ServerSide | undefined> {
  if (metrics === undefined) return undefined;
  const response = await fetch(metrics, { signal: AbortSignal.timeout(5_000) });
  const routes = objectives.flatMap((objective) =>
    objective.id === `${reconcile}-latency` && objective.kind === 'latency' ? objective.routes : [],
  );
  return readHistogram(await response.text(), routes);
}
