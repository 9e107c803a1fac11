import type { Experiment, Load } from '../lab/experiment.ts';
import type { Outcome } from './service.ts';

interface PoolingLoad extends Load {
  readonly requests: number;
  /** How long each keeps its connection busy. */
  readonly busyMs: number;
  /** How many connections the server gives the service’s role. */
  readonly allowed: number;
}

/** Postgres’ word for "you have as many connections as you may have". */
const TOO_MANY = '53300';

/** More requests come at once than the database gives connections. How many of them fail? */
export const experiment: Experiment<PoolingLoad> = {
  title: 'Bounded pools',
  harm: 'requests that failed for want of a connection',
  variants: [
    { name: 'one each', practice: false, what: 'a connection for each request' },
    { name: 'no bound', practice: false, what: 'a pool that may grow with the load' },
    {
      name: 'bounded',
      practice: true,
      what: 'ten connections; whoever comes when all are busy waits, three seconds at most',
    },
  ],
  load: {
    full: { seed: 20, requests: 1_000, busyMs: 5, allowed: 30 },
    // Variants run side by side then, and the server has two hundred connections for all of them: no flood may take
    // those of another.
    quick: { seed: 20, requests: 60, busyMs: 5, allowed: 30 },
  },
  tables: 'CREATE TABLE visits (number int PRIMARY KEY);',
  topics: [],

  async round(bench, { name }, load) {
    const role = bench.named('').replaceAll('.', '');
    await bench.query(`CREATE ROLE "${role}" LOGIN PASSWORD '${role}' CONNECTION LIMIT ${load.allowed}`);
    try {
      await bench.query(`GRANT INSERT, SELECT ON visits TO "${role}"`);
      const service = await bench.start(import.meta.resolve('./service.ts'), name);
      const asked = Array.from({ length: load.requests }, (_, number) =>
        service.ask<Outcome>({ number, ms: load.busyMs }),
      );
      const outcomes = await Promise.all(asked);
      const count = (outcome: Outcome) => outcomes.filter((each) => each === outcome).length;
      const [done, refused] = [count('done'), count(TOO_MANY)];
      const [written] = await bench.query<{ visits: number }>('SELECT count(*)::int AS visits FROM visits');
      const others = [...new Set(outcomes.filter((each) => each !== 'done' && each !== TOO_MANY))];
      await service.stop();
      return {
        harm: load.requests - done,
        figures: {
          requests: load.requests,
          done,
          'too many connections': refused,
          'failed otherwise': load.requests - done - refused,
        },
        cases: others.slice(0, 3).map(String),
        doubts: [
          ...bench.doubts(service),
          ...(written?.visits === done ? [] : [`${done} requests were done, ${written?.visits ?? 0} are written`]),
          ...(done > 0 ? [] : ['no request was done']),
        ],
      };
    } finally {
      await bench.query(`REVOKE ALL ON visits FROM "${role}"; DROP ROLE "${role}"`);
    }
  },
};
