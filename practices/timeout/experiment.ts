import type { Experiment, Load } from '../lab/experiment.ts';
import { Party } from '../lab/party.ts';
import { numbersFrom } from '../lab/seed.ts';
import type { Told } from './service.ts';

interface TimeoutLoad extends Load {
  readonly requests: number;
  /** Of ten calls so many hang. */
  readonly hangingOfTen: number;
  readonly deadlineMs: number;
  /** After their deadline, callers are looked at this much later. */
  readonly graceMs: number;
}

/** A service takes some calls and never answers them. Who still waits when the time is up? */
export const experiment: Experiment<TimeoutLoad> = {
  title: 'Time-outs and deadlines',
  harm: 'callers that still wait after their deadline',
  variants: [
    { name: 'none', practice: false, what: 'the HTTP client’s own defaults' },
    {
      name: 'deadline',
      practice: true,
      what: 'each call ends with the time of the request that it serves, and says so down the line',
    },
  ],
  load: {
    full: { seed: 20, requests: 600, hangingOfTen: 3, deadlineMs: 1_000, graceMs: 3_000 },
    quick: { seed: 20, requests: 100, hangingOfTen: 3, deadlineMs: 1_000, graceMs: 1_500 },
  },
  tables: '',
  topics: [],

  async round(bench, { name }, { seed, requests, hangingOfTen, deadlineMs, graceMs }) {
    const next = numbersFrom(seed);
    const fates = Array.from({ length: requests }, () => next() * 10 < hangingOfTen);
    let hanging = 0;
    const service = await Party.start(({ url = '' }, response) => {
      if (fates[Number(url.slice(1))]) hanging++;
      else response.end('{}');
    });
    try {
      const caller = await bench.start(import.meta.resolve('./service.ts'), name);
      const told = await caller.ask<Told>({ url: service.url, requests, deadlineMs, graceMs });
      const { waiting = 0, answered = 0, failed = 0 } = told ?? {};
      return {
        harm: waiting,
        figures: { requests, 'hang for ever': hanging, answered, 'given up in time': failed, 'still waiting': waiting },
        doubts: [
          ...bench.doubts(caller),
          ...(waiting + answered + failed === requests ? [] : ['not every request was made']),
          // A circuit may open and spare some of them: enough have to hang to tell.
          ...(hanging >= 5 ? [] : [`only ${hanging} calls hung`]),
        ],
      };
    } finally {
      await service.stop();
    }
  },
};
