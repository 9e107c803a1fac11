import { setTimeout as sleep } from 'node:timers/promises';
import { freePorts } from '@shop/infra/ports';
import { shedding } from '@shop/infra/shop';
import { outcomeOf } from '../checker/commands.ts';
import type { Command } from '../checker/evidence.ts';
import type { Fault, Findings, Seen, Trial } from './fault.ts';
import type { Site } from './site.ts';
import { SlowLine } from './slow-line.ts';

/** How long orders cannot be reached, how long is watched afterwards, and the burst that capacity is measured by. */
const full = { awayMs: 60_000, watchedMs: 45_000, burstMs: 8_000 };
const short = { awayMs: 15_000, watchedMs: 20_000, burstMs: 3_000 };
const [BURST_RATE, LOADED] = [40, 0.8];
const [BACK_WITHIN_MS, WINDOW_MS, GOOD] = [30_000, 5_000, 0.95];
/** Of first attempts, and what each of two gateways may have saved up (retry-budget.ts). */
const [RETRY_RATIO, RETRY_RESERVE] = [0.1, 2 * 10];

interface Counts {
  readonly calls: number;
  readonly retries: number;
}

class RetryStorm implements Fault {
  readonly id = 'F17';
  readonly title = 'orders cannot be reached for a minute at 80 % load, and everybody asks again';
  readonly bounds = { stalenessMs: 120_000 };
  /** When orders could be reached again in this run, and until when it was watched; by the monotonic clock. */
  private back = 0;
  private watchedUntil = 0;
  private arriving = 0;

  async strike({ site, next, quick, say }: Trial): Promise<Findings> {
    const { load } = site;
    if (!load) throw new Error('there is no load');
    const { awayMs, watchedMs, burstMs } = quick ? short : full;
    const lines = await Promise.all(site.shop.instances.orders.map((url) => SlowLine.to(url)));
    const ports = await freePorts([0, 0]);
    try {
      const through = lines
        .map((line, index) => new URL(line.through(site.shop.instances.orders[index] ?? '')).origin)
        .join(',');
      for (const [index, port] of ports.entries())
        await site.shop.restart('gateway', index + 1, {
          ...shedding,
          ORDERS_URLS: through,
          OTEL_METRICS_EXPORTER: 'prometheus',
          OTEL_EXPORTER_PROMETHEUS_PORT: String(port),
        });
      const capacity = await capacityOf(site, next, burstMs);
      const rate = Math.max(1, Math.round(capacity * LOADED));
      this.arriving = rate;
      say(`it takes ${capacity.toFixed(1)} orders a second from end to end; ${rate} a second arrive`);
      load.start(next, rate);
      await sleep(3_000);
      const before = await counted(ports);
      await site.accident('orders cannot be reached', async () => {
        for (const ailment of ['silent', 'resetting'] as const) {
          for (const line of lines) line.fallIll(ailment);
          await sleep(awayMs / 2);
        }
        for (const line of lines) line.recover();
        return lines.some(({ hits }) => hits > 0);
      });
      this.back = performance.now();
      await sleep(watchedMs);
      this.watchedUntil = performance.now();
      const after = await counted(ports);
      await load.stop(60_000);
      return storm(rate, { calls: after.calls - before.calls, retries: after.retries - before.retries });
    } finally {
      for (const instance of [1, 2]) await site.shop.restart('gateway', instance);
      await Promise.all(lines.map((line) => line.close()));
    }
  }

  judge({ commands }: Seen): Findings {
    const backMs = recovered(commands, { back: this.back, until: this.watchedUntil, rate: this.arriving });
    const broken =
      backMs <= BACK_WITHIN_MS
        ? []
        : [
            `${BACK_WITHIN_MS / 1_000} s after orders could be reached again, fewer than ${GOOD * 100} % of what arrives was taken`,
          ];
    return {
      figures: { 'as many orders taken as arrive again after (ms)': Number.isFinite(backMs) ? backMs : -1 },
      broken,
    };
  }
}

export const retryStorm: Fault = new RetryStorm();

/**
 * Orders a second from the customer's wish until everything that follows has come to rest: what arrives faster piles
 * up.
 */
async function capacityOf(site: Site, next: () => number, burstMs: number): Promise<number> {
  const { load } = site;
  if (!load) throw new Error('there is no load');
  await load.stop(60_000);
  await site.quiet(60_000);
  const [since, earlier] = [performance.now(), load.journal.length];
  load.start(next, BURST_RATE);
  await sleep(burstMs);
  await load.stop(60_000);
  const moving = await site.quiet(120_000);
  if (moving !== undefined) throw new Error(`The shop did not come to rest after a burst: ${moving}`);
  return (load.journal.length - earlier) / ((performance.now() - since) / 1_000);
}

function storm(rate: number, { calls, retries }: Counts): Findings {
  const first = calls - retries;
  const allowed = Math.round(first * RETRY_RATIO) + RETRY_RESERVE;
  return {
    figures: {
      'orders a second': rate,
      "gateways' calls for orders": first,
      'of them repeated': retries,
      'repetitions allowed': allowed,
    },
    broken: [
      ...(calls === 0 ? ['no call was counted: nothing can be told of repetitions'] : []),
      ...(retries > allowed ? [`${retries} of ${first} calls were repeated; ${allowed} are allowed`] : []),
    ],
  };
}

interface Watched {
  /** When orders could be reached again, and until when it was watched; by the monotonic clock. */
  readonly back: number;
  readonly until: number;
  /** Orders that arrive a second. */
  readonly rate: number;
}

/**
 * Milliseconds after which, from then on, at least 95 % as many orders were taken as arrive: the goodput. At 80 % load
 * a minute's backlog, asked for again and again, takes four minutes to work off; until then somebody has to wait, but
 * nobody's waiting may keep others from being served. Infinity when that never was.
 */
export function recovered(commands: readonly Command[], { back, until, rate }: Watched): number {
  const taken = commands.flatMap(({ kind, answers }) => {
    const last = answers.at(-1);
    return kind === 'place' && last?.asked !== undefined && outcomeOf({ answers: [last] }) !== 'unknown'
      ? [last.asked + (last.ms ?? 0) - back]
      : [];
  });
  let since = Infinity;
  for (let from = Math.floor((until - back - WINDOW_MS) / 1_000) * 1_000; from >= 0; from -= 1_000) {
    if (taken.filter((at) => at >= from && at < from + WINDOW_MS).length < (GOOD * rate * WINDOW_MS) / 1_000) break;
    since = from;
  }
  return since;
}

/** Calls that the gateways made to orders, and repetitions among them, since they were started. */
async function counted(ports: readonly number[]): Promise<Counts> {
  const pages = await Promise.all(
    ports.map((port) =>
      fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(10_000) }).then((answer) =>
        answer.text(),
      ),
    ),
  );
  const lines = pages.flatMap((page) => page.split('\n')).filter((line) => line.includes('upstream="orders"'));
  const sum = (name: string, outcomes: readonly string[]) =>
    lines
      .filter((line) => line.startsWith(`${name}{`) && outcomes.some((one) => line.includes(`outcome="${one}"`)))
      .reduce((total, line) => total + Number(line.split('} ')[1]?.split(' ')[0] ?? 0), 0);
  return {
    calls: sum('upstream_calls_total', ['ok', 'failed', 'late']),
    retries: sum('upstream_retries_total', ['made']),
  };
}
