import { rebuildProjection } from '@shop/infra/projections';
import { processorMicros } from '@shop/infra/processor-time';
import { spread, type Bench, type Measured, type Setting } from '../../lab/bench.ts';
import type { BenchShop } from '../../lab/bench-shop.ts';
import { judged, type Verdict } from '../../lab/versus.ts';

const LOADS = { full: { rounds: 5, times: 6, events: 20_000 }, quick: { rounds: 1, times: 1, events: 2_000 } } as const;
const AT_LEAST = 20_000;
/** Orders are placed for so long at a time, at most so often, until there are events enough. */
const [FILL_SECONDS, FILLS] = [4, 12];

/** The list of orders is made anew from the store, by the operator's own command, while nothing else happens. */
export const bench: Bench = {
  title: 'The list of orders made anew from their events',
  need: ['postgres', 'kafka', 'redis'],
  proves: ['P12'],
  async measure(setting: Setting): Promise<Measured> {
    const load = LOADS[setting.quick ? 'quick' : 'full'];
    const shop = await setting.shop();
    const events = await fill(setting, shop, load.events);
    // The first finds nothing compiled and nothing in memory, and is not counted.
    await rebuild(shop, load.times);
    const rounds = [];
    for (let round = 0; round < load.rounds; round++) rounds.push(await rebuild(shop, load.times));
    const aCore = spread(rounds.map(({ perCore }) => perCore));
    const measured = `${aCore.median.toLocaleString('en')} a second and core (${aCore.min.toLocaleString('en')} – ${aCore.max.toLocaleString('en')}), of ${events.toLocaleString('en')} events`;
    const verdict: Verdict = {
      id: 'P12',
      what: 'a projection rebuilt: reading, folding, comparing, Postgres included',
      base: '–',
      goal: '≥ 20 k events/s a core, the same hash',
      measured,
      verdict: judged(aCore, aCore.median >= AT_LEAST),
    };
    const doubts = rounds.flatMap(({ same }, n) =>
      same ? [] : [`round ${n + 1}: the list was not what the events make it`],
    );
    return {
      figures: { verdicts: [verdict], events, rounds },
      lines: [`${verdict.id} ${measured}; goal ${verdict.goal}: ${verdict.verdict}`],
      doubts,
    };
  },
};

/** Events there are, after some orders more where there were not enough. */
async function fill(setting: Setting, shop: BenchShop, wanted: number): Promise<number> {
  const count = () => shop.count('orders', 'SELECT count(*) FROM events');
  const wrk = await setting.wrk();
  for (let fills = 0; fills < FILLS && (await count()) < wanted; fills++) {
    await wrk.saturate(await shop.orders(shop.shop.urls.orders, '/orders'), {
      seconds: FILL_SECONDS,
      connections: 16,
      processes: {},
    });
    await shop.drained();
  }
  return count();
}

/** So many times: once is over in less than a second. */
async function rebuild(
  shop: BenchShop,
  times: number,
): Promise<{ events: number; seconds: number; perCore: number; same: boolean }> {
  const said: string[] = [];
  const [postgres, own] = [shop.pids('postgres')['postgres'], process.cpuUsage()];
  const before = postgres === undefined ? 0 : processorMicros(postgres);
  const context = { shop: () => shop.shop, say: (line: string) => void said.push(line), patience: 10_000 };
  const codes = [];
  for (let n = 0; n < times; n++)
    codes.push(
      await rebuildProjection(
        { yes: true, 'dry-run': false, 'skip-dead': false, 'after-restore': false, accept: false, help: false },
        ['orders'],
        context as unknown as Parameters<typeof rebuildProjection>[2],
      ),
    );
  const { user, system } = process.cpuUsage(own);
  const micros = user + system + (postgres === undefined ? 0 : processorMicros(postgres) - before);
  const told = [...said.join('\n').matchAll(/from (\d+) events in ([\d.]+) s/g)].map(([, events, seconds]) => ({
    events: Number(events),
    seconds: Number(seconds),
  }));
  const sum = (key: 'events' | 'seconds') => told.reduce((total, one) => total + one[key], 0);
  // It reads all of them twice: to mend, and to compare.
  return {
    events: sum('events'),
    seconds: sum('seconds'),
    perCore: Math.round((2 * sum('events')) / (micros / 1e6)),
    same: codes.every((code) => code === 0),
  };
}
