import { memoryOf } from '@shop/infra/memory';
import { spread, type Spread, type Bench, type Measured, type Setting } from '../../lab/bench.ts';
import { likeOrders, Pgbench, sql } from '../../lab/pgbench.ts';
import { forgetRows, oneRoundTrip, sevenRoundTrips } from '../../lab/same-rows.ts';
import { against, failures, inTurn, linesOf, type Rounds } from '../../lab/versus.ts';

const LOADS = { full: { rounds: 5, seconds: 3 }, quick: { rounds: 1, seconds: 2 } } as const;
const CLIENTS = 16;
const [ours, seven, one] = ['gateway', 'pgbench, 7 round trips', 'pgbench, 1 statement'] as const;

/**
 * Orders are placed as fast as sixteen connections can, and every one runs to its end before the next side has its
 * turn.
 */
export const bench: Bench = {
  title: 'Placing orders through the gateway, with everything on',
  need: ['postgres', 'kafka', 'redis'],
  proves: ['P4'],
  async measure(setting: Setting): Promise<Measured> {
    const { rounds, seconds } = LOADS[setting.quick ? 'quick' : 'full'];
    const [shop, wrk, pgbench] = [await setting.shop(), await setting.wrk(), await Pgbench.find(setting.servers.state)];
    const url = await likeOrders(setting.servers.postgres.adminUrl);
    const processes = shop.pids(
      'gateway',
      'orders',
      'catalog',
      'payments',
      'notifications',
      'auth',
      'postgres',
      'kafka',
      'redis',
    );
    const load = { seconds, clients: CLIENTS, processes: shop.pids('postgres') };
    let unfinished = 0;
    const through: number[] = [];
    const plan = () => shop.orders(shop.shop.urls.gateway, '/v1/orders');
    const place = async () => {
      const asked = await plan();
      const all = await shop.through(
        () => wrk.saturate(asked, { seconds, connections: CLIENTS, processes }),
        processes,
      );
      unfinished += all.unfinished;
      through.push(all.perSecond);
      // What an order costs is known when it has gone all the way.
      return { ...all.round, cpuMicros: { ...all.cpuMicros, tool: all.round.cpuMicros['tool'] ?? NaN } };
    };
    const bare = (name: string, text: string) => ({
      name,
      run: () => pgbench.saturate(url, text, load),
      rest: () => sql(url, forgetRows),
    });
    const sides = [
      { name: ours, run: place, rest: async () => {} },
      bare(seven, sevenRoundTrips),
      bare(one, oneRoundTrip),
    ];
    for (const { run, rest } of sides) {
      await run();
      await rest();
    }
    through.length = 0;
    const found = await inTurn(sides, rounds, setting.say);
    const megabytes = Object.fromEntries(
      Object.entries(processes).map(([name, pid]) => [name, Math.round((memoryOf(pid) ?? NaN) / 2 ** 20)]),
    );
    const what = 'place-order through the gateway';
    const verdicts = [
      against(found, ours, seven, {
        id: 'P4',
        what,
        base: `pgbench, the same rows in 7 round trips, ${CLIENTS} clients`,
        atLeast: 0.3,
      }),
      {
        ...against(found, ours, one, { id: 'P4 b', what, base: 'pgbench, the same rows in one statement', atLeast: 0 }),
        goal: 'told',
      },
      {
        id: 'P4 c',
        what: 'orders that go all the way: paid, confirmed, listed and their mails sent',
        base: '–',
        goal: 'told',
        measured: told(spread(through)),
        verdict: '' as const,
      },
    ];
    const doubts = [
      ...failures(found),
      ...(unfinished > 0 ? [`${unfinished} orders or messages were not through when the next side had its turn`] : []),
    ];
    return {
      figures: {
        verdicts,
        clients: CLIENTS,
        seconds,
        millionOrders: millionOrders(found),
        megabytes,
        through,
        rounds: found,
      },
      lines: linesOf(found, verdicts),
      doubts,
    };
  },
};

const told = ({ median, min, max }: Spread) =>
  `${median} a second (${min} – ${max}), from the first to the end of the last`;

/**
 * Processor time of a million orders as they went all the way here, in hours: of each process, from the medians of the
 * rounds.
 */
function millionOrders(rounds: Rounds): Record<string, number> {
  const found = rounds[ours] ?? [];
  const names = Object.keys(found[0]?.cpuMicros ?? {}).filter((name) => name !== 'tool');
  return Object.fromEntries(
    names.map((name) => [
      name,
      Math.round((spread(found.map(({ cpuMicros }) => cpuMicros[name] ?? 0)).median / 3_600) * 100) / 100,
    ]),
  );
}
