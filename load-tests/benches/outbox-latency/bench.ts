import { NOISE, type Bench, type Measured, type Setting } from '../../lab/bench.ts';
import { lost, pace } from '../../lab/pace.ts';
import type { Verdict } from '../../lab/versus.ts';

const LOADS = { full: { peakSeconds: 5, seconds: 60 }, quick: { peakSeconds: 2, seconds: 5 } } as const;
const [P50_MS, P99_MS] = [20, 100];

interface Third {
  readonly third: number;
  readonly changes: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/**
 * From a change's recording by orders to its commit in the list of orders: through outbox, relay, Kafka and consumer,
 * by the database's own clock.
 */
export const bench: Bench = {
  title: 'From a change’s commit to its effect at a consumer, at half of the orders that can go all the way',
  need: ['postgres', 'kafka', 'redis'],
  proves: ['P6'],
  async measure(setting: Setting): Promise<Measured> {
    const load = LOADS[setting.quick ? 'quick' : 'full'];
    const [shop, wrk] = [await setting.shop(), await setting.wrk()];
    const plan = () => shop.orders(shop.shop.urls.gateway, '/v1/orders');
    const first = await plan();
    const flood = () => wrk.saturate(first, { seconds: load.peakSeconds, connections: 16, processes: {} });
    await shop.through(flood, {}); // compiled by then
    const { perSecond: capacity } = await shop.through(flood, {});
    const [{ now } = { now: '' }] = await shop.rows<{ now: string }>('orders', 'SELECT clock_timestamp()::text AS now');
    const perSecond = Math.max(1, Math.round(capacity / 2));
    const paced = await pace(await plan(), { perSecond, seconds: load.seconds });
    const left = await shop.drained();
    const thirds = await shop.rows<Third>('orders', thirdsSince(now));
    const most = (of: (third: Third) => number) => Math.max(...thirds.map(of));
    const [early, last] = [thirds[0], thirds.at(-1)];
    const flat = early !== undefined && last !== undefined && last.p50Ms <= Math.max(early.p50Ms * NOISE, P50_MS);
    const measured = `p50 ≤ ${most(({ p50Ms }) => p50Ms)} ms, p99 ≤ ${most(({ p99Ms }) => p99Ms)} ms in each third of ${load.seconds} s, at ${perSecond} orders a second; lag ${flat ? 'flat' : 'grows'}`;
    const met = flat && most(({ p50Ms }) => p50Ms) <= P50_MS && most(({ p99Ms }) => p99Ms) <= P99_MS;
    const verdict: Verdict = {
      id: 'P6',
      what: 'from a change’s recording to its effect at a consumer',
      base: '–',
      goal: `p50 ≤ ${P50_MS} ms, p99 ≤ ${P99_MS} ms, flat for 60 s`,
      measured,
      verdict: met ? 'met' : 'short',
    };
    const doubts = [
      ...(lost(paced) > 0 ? [`${lost(paced)} orders were not answered`] : []),
      ...(left > 0 ? [`${left} orders or messages were not through in the end`] : []),
    ];
    return {
      figures: { verdicts: [verdict], capacity, perSecond, paced, thirds },
      lines: [`P6 ${measured}; goal ${verdict.goal}: ${verdict.verdict}`],
      doubts,
    };
  },
};

/** By third of the time. The recording is before the commit, so the latency is at most this. */
const thirdsSince = (since: string) => `
  WITH seen AS (
    SELECT ntile(3) OVER (ORDER BY e.recorded_at) AS third, extract(epoch FROM i.handled_at - e.recorded_at)::float8 * 1000 AS ms
    FROM events e JOIN inbox i ON i.consumer = 'orders.list' AND i.message_id = e.id::text
    WHERE e.recorded_at > '${since}'::timestamptz)
  SELECT third, count(*)::int AS changes, round(percentile_cont(0.5) WITHIN GROUP (ORDER BY ms)::numeric, 1)::float8 AS "p50Ms",
         round(percentile_cont(0.99) WITHIN GROUP (ORDER BY ms)::numeric, 1)::float8 AS "p99Ms"
  FROM seen GROUP BY third ORDER BY third`;
