import type { Experiment, Load } from '../lab/experiment.ts';
import { Party } from '../lab/party.ts';
import { Desk } from './desk.ts';
import type { Told } from './service.ts';

interface RetryLoad extends Load {
  /** Payments a second, and how many the provider can do. */
  readonly rate: number;
  readonly capacity: number;
  readonly seconds: number;
  /** The provider stands still for so long, once. */
  readonly pauseMs: number;
}

/** What the product's budget allows: one in ten, and its reserve. */
const allowed = (requests: number) => Math.floor(requests * 1.1) + 10;

/**
 * A provider at eighty per cent of its capacity stands still for a moment. How many calls does it get afterwards, and
 * does it recover?
 */
export const experiment: Experiment<RetryLoad> = {
  title: 'Retry budget',
  harm: 'calls beyond one in ten more than there were payments',
  variants: [
    { name: 'three retries', practice: false, what: 'each call three times more, with exponential backoff and jitter' },
    { name: 'budget', practice: true, what: 'twice more, as long as retries stay within a tenth of the calls' },
  ],
  load: {
    full: { seed: 20, rate: 100, capacity: 125, seconds: 15, pauseMs: 1_000 },
    quick: { seed: 20, rate: 100, capacity: 125, seconds: 4, pauseMs: 1_000 },
  },
  tables: '',
  topics: [],

  async round(bench, { name }, { rate, capacity, seconds, pauseMs }) {
    const desk = new Desk(1_000 / capacity);
    const provider = await Party.start((_request, response) => desk.serve(response));
    try {
      const payments = await bench.start(import.meta.resolve('./service.ts'), name);
      const told = payments.ask<Told>({ url: provider.url, rate, seconds });
      await desk.served(rate / 2);
      desk.pause(pauseMs);
      const outcome = await told;
      const { ok = 0, failed = 0, failedLate = 0 } = outcome ?? {};
      const requests = ok + failed;
      return {
        harm: Math.max(0, provider.calls - allowed(requests)),
        figures: {
          payments: requests,
          calls: provider.calls,
          'calls for 100': Math.round((100 * provider.calls) / requests),
          allowed: allowed(requests),
          failed,
          'failed in the last quarter': failedLate,
        },
        doubts: [
          ...bench.doubts(payments),
          ...(requests === rate * seconds ? [] : [`of ${rate * seconds} payments ${requests} were asked for`]),
          ...(failed > 0 ? [] : ['the pause hit nobody']),
        ],
      };
    } finally {
      await provider.stop();
    }
  },
};
