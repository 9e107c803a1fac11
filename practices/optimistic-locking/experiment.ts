import type { Experiment, Load } from '../lab/experiment.ts';
import { eventStoreTables } from '../lab/event-store-tables.ts';
import { keysFrom, numbersFrom, popular } from '../lab/seed.ts';

interface LockingLoad extends Load {
  readonly additions: number;
  readonly keys: number;
  readonly clients: number;
}

/** Two instances, many clients, each adds one to an amount and is told that it is done. */
export const experiment: Experiment<LockingLoad> = {
  title: 'Optimistic locking',
  harm: 'acknowledged updates overwritten by another',
  variants: [
    { name: 'last writer wins', practice: false, what: 'read, decide, write' },
    {
      name: 'version check',
      practice: true,
      what: 'read, decide, write if it is still the version that was read; else begin anew',
    },
  ],
  load: {
    full: { seed: 20, additions: 3_000, keys: 20, clients: 16 },
    quick: { seed: 20, additions: 300, keys: 4, clients: 8 },
  },
  tables: eventStoreTables,
  topics: [],

  async round(bench, { name }, load) {
    const main = import.meta.resolve('./service.ts');
    const instances = await Promise.all([bench.start(main, name), bench.start(main, name)]);
    const next = numbersFrom(load.seed);
    const key = popular(next, keysFrom(next, load.keys));
    const wishes = Array.from({ length: load.additions }, key).values();

    let acknowledged = 0;
    const client = async (_: unknown, index: number) => {
      for (const wish of wishes) if (await instances[index % 2]?.ask({ key: wish })) acknowledged++;
    };
    await Promise.all(Array.from({ length: load.clients }, client));

    const rows = await bench.query<{ amount: number; versions: number }>(
      `SELECT DISTINCT ON (stream) (data ->> 'amount')::int AS amount, version AS versions FROM events ORDER BY stream, version DESC`,
    );
    const sum = (figure: 'amount' | 'versions') => rows.reduce((total, row) => total + row[figure], 0);
    return {
      harm: acknowledged - sum('amount'),
      figures: {
        acknowledged,
        writes: sum('versions'),
        'sum of amounts': sum('amount'),
        overwritten: acknowledged - sum('amount'),
      },
      doubts: [
        ...bench.doubts(...instances),
        ...(acknowledged === load.additions
          ? []
          : [`of ${load.additions} additions ${acknowledged} were acknowledged`]),
        ...(sum('versions') === acknowledged
          ? []
          : [`${acknowledged} additions were acknowledged, ${sum('versions')} were written`]),
      ],
    };
  },
};
