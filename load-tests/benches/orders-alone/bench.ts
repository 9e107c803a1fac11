import type { Bench, Measured, Setting } from '../../lab/bench.ts';
import type { BenchShop } from '../../lab/bench-shop.ts';
import { startListening } from '../../lab/listening.ts';
import { likeOrders, sql } from '../../lab/pgbench.ts';
import { forgetRows } from '../../lab/same-rows.ts';
import { against, failures, inTurn, linesOf } from '../../lab/versus.ts';

const LOADS = { full: { rounds: 5, seconds: 4 }, quick: { rounds: 1, seconds: 2 } } as const;
const CONNECTIONS = 16;
/** Who takes what orders says, and would use the machine meanwhile. */
const others = ['catalog', 'payments', 'notifications'] as const;

/** The orders service by itself: nobody takes its messages while it is measured, but it publishes them. */
export const bench: Bench = {
  title: 'Placing orders at the orders service alone',
  need: ['postgres', 'kafka', 'redis'],
  proves: ['P5'],
  last: true,
  async measure(setting: Setting): Promise<Measured> {
    const [shop, wrk] = [await setting.shop(), await setting.wrk()];
    const url = await likeOrders(setting.servers.postgres.adminUrl);
    const bare = await startListening(new URL('base.ts', import.meta.url), { DATABASE_URL: url });
    try {
      await Promise.all(others.map((name) => shop.shop.halt(name)));
      const { rounds, seconds } = LOADS[setting.quick ? 'quick' : 'full'];
      const plan = (of: string) => shop.orders(of, '/orders');
      const load = { seconds, connections: CONNECTIONS };
      const sides = [
        {
          name: 'orders',
          run: async () =>
            wrk.saturate(await plan(shop.shop.urls.orders), {
              ...load,
              processes: shop.pids('orders', 'postgres', 'kafka'),
            }),
          rest: () => published(shop),
        },
        {
          name: 'Fastify + pg',
          run: async () =>
            wrk.saturate(await plan(bare.url), {
              ...load,
              processes: { server: bare.child.pid, ...shop.pids('postgres') },
            }),
          rest: () => sql(url, forgetRows),
        },
      ];
      for (const { run, rest } of sides) {
        await run();
        await rest();
      }
      const found = await inTurn(sides, rounds, setting.say);
      const verdicts = [
        against(found, 'orders', 'Fastify + pg', {
          id: 'P5',
          what: 'place-order at the orders service',
          base: 'bare Fastify + pg, the same rows in one statement',
          atLeast: 0.6,
        }),
      ];
      return {
        figures: { verdicts, connections: CONNECTIONS, seconds, rounds: found },
        lines: linesOf(found, verdicts),
        doubts: failures(found),
      };
    } finally {
      await bare.child.stop();
    }
  },
};

/** The broker has what this round said. */
async function published(shop: BenchShop): Promise<void> {
  for (const until = Date.now() + 20_000; Date.now() < until; ) {
    if ((await shop.count('orders', 'SELECT count(*) FROM outbox')) === 0) return;
    await new Promise((later) => setTimeout(later, 100));
  }
}
