import { shedding } from '@shop/infra/shop';
import { spread, type Bench, type Measured, type Setting } from '../../lab/bench.ts';
import type { Through } from '../../lab/bench-shop.ts';
import { lost, pace, type Paced } from '../../lab/pace.ts';
import { judged, type Round, type Verdict } from '../../lab/versus.ts';

const LOADS = { full: { rounds: 5, seconds: 8 }, quick: { rounds: 1, seconds: 2 } } as const;
const TIMES = 3;
const [GOODPUT, SLOWER, REFUSED_MS] = [0.8, 3, 20];

interface Found {
  readonly peak: Through<Round>;
  readonly flood: Through<Paced>;
}

/**
 * First as many as it takes, to see how many go all the way, then three times as many as those, whether it can or not.
 * What counts is what goes all the way: it can accept more for a while, and then is behind.
 */
export const bench: Bench = {
  title: 'Three times as many orders as there is room for',
  need: ['postgres', 'kafka', 'redis'],
  proves: ['P10'],
  async measure(setting: Setting): Promise<Measured> {
    const { rounds, seconds } = LOADS[setting.quick ? 'quick' : 'full'];
    const [shop, wrk] = [await setting.shop(), await setting.wrk()];
    const plan = () => shop.orders(shop.shop.urls.gateway, '/v1/orders');
    for (const service of ['gateway', 'orders'] as const) await shop.shop.restart(service, 1, shedding);
    const processes = shop.pids('gateway', 'orders', 'postgres');
    const found: Found[] = [];
    // The first does not count: what is only done under a flood is compiled by then, too.
    for (let round = 0; round <= rounds; round++) {
      const placing = await plan();
      const peak = await shop.through(() => wrk.saturate(placing, { seconds, connections: 16, processes }), processes);
      const flood = await shop.through(
        () => pace(placing, { perSecond: Math.max(1, TIMES * peak.perSecond), seconds }),
        processes,
      );
      if (round === 0) continue;
      found.push({ peak, flood });
      setting.say(
        `round ${round} of ${rounds}: ${peak.perSecond} a second all the way at its peak, ${flood.perSecond} of ${TIMES} times as many; ${JSON.stringify(flood.round.statuses)}`,
      );
    }
    for (const service of ['gateway', 'orders'] as const) await shop.shop.restart(service, 1);
    const goodput = spread(found.map(({ peak, flood }) => flood.perSecond / peak.perSecond));
    const slower = spread(found.map(({ peak, flood }) => flood.round.accepted.p99Ms / (peak.round.p99Ms ?? NaN)));
    const refused = spread(found.map(({ flood }) => flood.round.refused.p99Ms));
    const lostOnes = found.reduce((sum, { flood }) => sum + lost(flood.round) + flood.unfinished, 0);
    const met = goodput.median >= GOODPUT && slower.median <= SLOWER && refused.median <= REFUSED_MS && lostOnes === 0;
    const measured = `${goodput.median} × its peak (${goodput.min} – ${goodput.max}), accepted p99 ${slower.median} ×, refused p99 ${refused.median} ms, ${lostOnes} neither`;
    const verdict: Verdict = {
      id: 'P10',
      what: 'overload: three times the orders there is room for',
      base: 'what goes all the way at its peak',
      goal: `goodput ≥ ${GOODPUT} ×, accepted p99 ≤ ${SLOWER} ×, the rest 429 or 503 within ${REFUSED_MS} ms`,
      measured,
      verdict: judged(goodput, met),
      ratio: goodput,
    };
    return {
      figures: { verdicts: [verdict], seconds, rounds: found },
      lines: [`P10 ${measured}; goal ${verdict.goal}: ${verdict.verdict}`],
      doubts: [],
    };
  },
};
