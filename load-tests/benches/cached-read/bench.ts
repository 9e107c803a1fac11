import type { Bench, Measured, Setting } from '../../lab/bench.ts';
import { startListening } from '../../lab/listening.ts';
import type { Watched } from '../../lab/tool.ts';
import { against, failures, inTurn, linesOf } from '../../lab/versus.ts';

const LOADS = { full: { rounds: 5, seconds: 4, warmUp: 10 }, quick: { rounds: 1, seconds: 2, warmUp: 2 } } as const;
const CONNECTIONS = 32;
const base = new URL('base.ts', import.meta.url);

/**
 * Single products, as popular as they are; the caches of gateway and catalog do what they do, misses and refreshes
 * included.
 */
export const bench: Bench = {
  title: 'Reads of single products through the gateway’s cache',
  need: ['postgres', 'kafka', 'redis'],
  proves: ['P1', 'P2'],
  async measure(setting: Setting): Promise<Measured> {
    const { rounds, seconds, warmUp } = LOADS[setting.quick ? 'quick' : 'full'];
    const [shop, wrk] = [await setting.shop(), await setting.wrk()];
    const plan = await shop.looks();
    const body = await (await fetch(plan.url + (plan.paths[0] ?? ''), { signal: AbortSignal.timeout(10_000) })).text();
    const origin = await startListening(base, { ROLE: 'origin', BODY: body });
    const hop = await startListening(base, { ROLE: 'hop', UPSTREAM: origin.url });
    const cache = await startListening(base, { ROLE: 'cache', BODY: body, REDIS: setting.servers.redis?.url ?? '' });
    const load = { seconds, connections: CONNECTIONS };
    const side = (name: string, url: string, processes: Watched) => ({
      name,
      run: async () =>
        wrk.saturate({ ...plan, url, tokens: (await shop.looks()).tokens ?? [] }, { ...load, processes }),
    });
    try {
      const sides = [
        side('gateway', plan.url, shop.pids('gateway', 'catalog', 'redis', 'postgres')),
        side('hop', hop.url, { hop: hop.child.pid, origin: origin.child.pid }),
        side('Redis GET', cache.url, { server: cache.child.pid, ...shop.pids('redis') }),
      ];
      for (const { url } of [{ url: plan.url }, hop, cache])
        await wrk.saturate({ ...plan, url }, { seconds: warmUp, connections: CONNECTIONS, processes: {} });
      const found = await inTurn(sides, rounds, setting.say);
      const what = 'a read that the gateway has cached';
      const verdicts = [
        against(found, 'gateway', 'hop', {
          id: 'P1',
          what,
          base: 'bare Fastify → undici.Pool → bare Fastify',
          atLeast: 1.2,
        }),
        against(found, 'gateway', 'Redis GET', { id: 'P2', what, base: 'bare Fastify + Redis GET', atLeast: 0.45 }),
      ];
      return {
        figures: { verdicts, connections: CONNECTIONS, seconds, rounds: found },
        lines: linesOf(found, verdicts),
        doubts: failures(found),
      };
    } finally {
      await Promise.all([origin, hop, cache].map(({ child }) => child.stop()));
    }
  },
};
