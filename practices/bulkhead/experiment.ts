import type { Experiment, Load } from '../lab/experiment.ts';
import { Party } from '../lab/party.ts';
import type { Told } from './service.ts';

interface BulkheadLoad extends Load {
  /** Requests a second for each of two services behind. */
  readonly rate: number;
  readonly seconds: number;
  readonly deadlineMs: number;
  /** Calls at once, for each service, or for both together. */
  readonly atOnce: number;
}

/**
 * Of two services behind a gateway one takes calls and does not answer. What becomes of requests that only need the
 * other?
 */
export const experiment: Experiment<BulkheadLoad> = {
  title: 'Bulkhead',
  harm: 'requests failed that the hanging service has nothing to do with',
  variants: [
    {
      name: 'one hold',
      practice: false,
      what: 'so many calls at once, whomever they go to; as many more wait for their turn',
    },
    { name: 'bulkheads', practice: true, what: 'so many calls at once to each' },
  ],
  load: {
    full: { seed: 20, rate: 100, seconds: 8, deadlineMs: 1_000, atOnce: 16 },
    quick: { seed: 20, rate: 100, seconds: 3, deadlineMs: 1_000, atOnce: 16 },
  },
  tables: '',
  topics: [],

  async round(bench, { name }, { rate, seconds, deadlineMs, atOnce }) {
    const hanging = await Party.start(() => undefined);
    const well = await Party.start((_request, response) => void setTimeout(() => response.end('{}'), 5));
    try {
      const gateway = await bench.start(import.meta.resolve('./service.ts'), name);
      const told = await gateway.ask<Told>({ hanging: hanging.url, well: well.url, rate, seconds, deadlineMs, atOnce });
      const { innocent, others } = told ?? { innocent: { ok: 0, failed: 0 }, others: { ok: 0, failed: 0 } };
      const asked = innocent.ok + innocent.failed;
      return {
        harm: innocent.failed,
        figures: {
          'innocent requests': asked,
          'of them failed': innocent.failed,
          'calls to the other one': hanging.calls,
          'requests that need it': others.failed,
        },
        doubts: [
          ...bench.doubts(gateway),
          ...(asked === rate * seconds ? [] : [`of ${rate * seconds} innocent requests ${asked} were made`]),
          ...(others.ok === 0 && hanging.calls >= atOnce
            ? []
            : ['the other service did not hang, or too few called it']),
        ],
      };
    } finally {
      await Promise.all([hanging.stop(), well.stop()]);
    }
  },
};
