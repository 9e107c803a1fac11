import type { Bench, Measured, Setting } from '../../lab/bench.ts';
import type { BenchShop } from '../../lab/bench-shop.ts';
import { startListening } from '../../lab/listening.ts';
import type { Watched } from '../../lab/tool.ts';
import { against, failures, inTurn, linesOf } from '../../lab/versus.ts';

const LOADS = { full: { rounds: 5, seconds: 4 }, quick: { rounds: 1, seconds: 2 } } as const;
const CONNECTIONS = 32;
const ROWS = 20;

/** A customer's newest orders: through gateway and orders to Postgres, and back as the contract shapes it. */
export const bench: Bench = {
  title: 'Reads of a list of orders through two services to Postgres',
  need: ['postgres', 'kafka', 'redis'],
  proves: ['P3'],
  async measure(setting: Setting): Promise<Measured> {
    const { rounds, seconds } = LOADS[setting.quick ? 'quick' : 'full'];
    const [shop, wrk] = [await setting.shop(), await setting.wrk()];
    const doubts = await ordered(shop);
    const [owner] = await shop.rows<{ customer: string }>(
      'orders',
      `SELECT customer FROM order_list GROUP BY customer HAVING count(*) >= ${ROWS} LIMIT 1`,
    );
    const bare = await startListening(new URL('base.ts', import.meta.url), {
      DATABASE_URL: shop.shop.databases.orders.url,
      CUSTOMER: owner?.customer ?? '',
    });
    const load = (processes: Watched) => ({ seconds, connections: CONNECTIONS, processes });
    try {
      const plan = () => shop.lists(ROWS);
      const sides = [
        {
          name: 'gateway',
          run: async () => wrk.saturate(await plan(), load(shop.pids('gateway', 'orders', 'postgres'))),
        },
        {
          name: 'Fastify + pg',
          run: async () =>
            wrk.saturate(
              { ...(await plan()), url: bare.url, tokens: [] },
              load({ server: bare.child.pid, ...shop.pids('postgres') }),
            ),
        },
      ];
      for (const { run } of sides) await run();
      const found = await inTurn(sides, rounds, setting.say);
      const verdicts = [
        against(found, 'gateway', 'Fastify + pg', {
          id: 'P3',
          what: 'a read through to Postgres, two hops, 20 rows',
          base: 'bare Fastify + pg, 20 rows',
          atLeast: 0.5,
        }),
      ];
      return {
        figures: { verdicts, connections: CONNECTIONS, seconds, rounds: found },
        lines: linesOf(found, verdicts),
        doubts: [...doubts, ...failures(found)],
      };
    } finally {
      await bare.child.stop();
    }
  },
};

/** Every customer has a page of orders at least. Answers what is doubtful about that. */
async function ordered(shop: BenchShop): Promise<string[]> {
  const { url, paths, bodies = [], tokens = [] } = await shop.orders(shop.shop.urls.gateway, '/v1/orders');
  for (const token of tokens) {
    for (const body of bodies.slice(0, ROWS)) {
      const headers = {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        'idempotency-key': crypto.randomUUID(),
      };
      const response = await fetch(url + (paths[0] ?? ''), {
        method: 'POST',
        headers,
        body,
        signal: AbortSignal.timeout(10_000),
      });
      await response.body?.cancel();
      if (response.status !== 201) return [`an order was answered ${response.status}`];
    }
  }
  const left = await shop.drained();
  return left === 0 ? [] : [`${left} orders had not ended when the lists were read`];
}
