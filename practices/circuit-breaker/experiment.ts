import type { Experiment, Load } from '../lab/experiment.ts';
import { Party } from '../lab/party.ts';
import type { Told } from './service.ts';

interface BreakerLoad extends Load {
  /** Each asks for its next payment when the last one is through. */
  readonly clients: number;
  readonly seconds: number;
  readonly attemptMs: number;
}

/**
 * What the product's breaker allows: five failures to open, what its clients have under way then, and probes, one at a
 * time, each of which takes as long as an attempt.
 */
const allowed = ({ clients, seconds, attemptMs }: BreakerLoad) =>
  5 + clients + Math.ceil((seconds * 1_000) / attemptMs);

/**
 * The provider takes every call and answers none. How often is it asked all the same, and how long does everybody wait
 * for it?
 */
export const experiment: Experiment<BreakerLoad> = {
  title: 'Circuit breaker',
  harm: 'calls wasted on a dead provider, beyond what opens the circuit and probes it',
  variants: [
    {
      name: 'time-outs',
      practice: false,
      what: 'each call is given up in time, and repeated within the budget; the next one is made like the last',
    },
    {
      name: 'breaker',
      practice: true,
      what: 'after half of ten seconds’ calls have failed, no call; now and then one to see',
    },
  ],
  load: {
    full: { seed: 20, clients: 24, seconds: 10, attemptMs: 250 },
    quick: { seed: 20, clients: 24, seconds: 3, attemptMs: 250 },
  },
  tables: '',
  topics: [],

  async round(bench, { name }, load) {
    const provider = await Party.start(() => undefined);
    try {
      const payments = await bench.start(import.meta.resolve('./service.ts'), name);
      const {
        requests = 0,
        waitedMs = 0,
        p99Ms = 0,
        answered = 0,
      } = (await payments.ask<Told>({ url: provider.url, ...load })) ?? {};
      return {
        harm: Math.max(0, provider.calls - allowed(load)),
        figures: {
          payments: requests,
          calls: provider.calls,
          allowed: allowed(load),
          'seconds waited in all': Math.round(waitedMs / 1_000),
          'p99 wait (ms)': Math.round(p99Ms),
        },
        doubts: [
          ...bench.doubts(payments),
          ...(requests >= load.clients ? [] : [`only ${requests} payments were asked for`]),
          ...(provider.calls >= 5 ? [] : [`the provider was called ${provider.calls} times only`]),
          ...(answered === 0 ? [] : [`${answered} calls were answered by a dead provider`]),
        ],
      };
    } finally {
      await provider.stop();
    }
  },
};
