import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench } from '../lab/bench.ts';
import type { Experiment, Load } from '../lab/experiment.ts';
import { numbersFrom } from '../lab/seed.ts';
import type { Victim } from '../lab/victim.ts';
import type { Question } from './service.ts';
import { expandContract, inOneGo, type Way } from './ways.ts';

interface MigrationLoad extends Load {
  readonly rows: number;
  readonly requestsPerSecond: number;
  /** How long somebody’s report reads the table. */
  readonly reportSeconds: number;
}

const ways: Readonly<Record<string, Way>> = { 'in one go': inOneGo, 'expand, contract': expandContract };
/** Of requests before the migration begins and after it has ended. */
const AROUND_MS = 500;

/** A column becomes wider while the service runs and somebody’s report reads the table. How many requests fail? */
export const experiment: Experiment<MigrationLoad> = {
  title: 'Migrations',
  harm: 'requests that failed because of a migration',
  variants: [
    {
      name: 'in one go',
      practice: false,
      what: 'ALTER COLUMN … TYPE, which waits for the report, with everybody behind it',
    },
    {
      name: 'expand, contract',
      practice: true,
      what: 'a new column beside the old one, filled in batches; no lock is waited for',
    },
  ],
  load: {
    full: { seed: 20, rows: 500_000, requestsPerSecond: 100, reportSeconds: 5 },
    quick: { seed: 20, rows: 20_000, requestsPerSecond: 50, reportSeconds: 3 },
  },
  tables: 'CREATE TABLE accounts (id int PRIMARY KEY, balance int NOT NULL, name text NOT NULL);',
  topics: [],

  async round(bench, { name }, load) {
    await bench.query(
      `INSERT INTO accounts (id, balance, name) SELECT n, 100, 'customer ' || n FROM generate_series(1, $1::int) n`,
      [load.rows],
    );
    const main = import.meta.resolve('./service.ts');
    const instances = await Promise.all([bench.start(main, name), bench.start(main, name)]);
    const deploy = async () => {
      for (const instance of instances) await instance.ask({ version: 'balance_big' } satisfies Question);
    };

    const traffic = new Traffic(instances, load);
    await sleep(AROUND_MS);
    const report = bench.query('SELECT count(*) FROM accounts, pg_sleep($1)', [load.reportSeconds]);
    await underWay(bench);
    const began = performance.now();
    await ways[name]?.(bench.databaseUrl, deploy);
    const migratedMs = performance.now() - began;
    await report;
    await sleep(AROUND_MS);
    const statuses = await traffic.end();

    const count = (status: number) => statuses.filter((each) => each === status).length;
    const state = await stateOf(bench);
    const due = load.rows * 100 + count(200);
    return {
      harm: statuses.length - count(200),
      figures: {
        rows: load.rows,
        requests: statuses.length,
        'answered 503': count(503),
        'answered 500': count(500),
        'migration, ms': Math.round(migratedMs),
      },
      doubts: [
        ...bench.doubts(...instances),
        ...(count(200) > 0 ? [] : ['no request was answered']),
        ...(state.type === 'bigint' ? [] : [`the balance is ${state.type} in the end, not bigint`]),
        // A 503 may have been done or not; what was acknowledged was.
        ...(state.sum >= due && state.sum <= due + count(503)
          ? []
          : [`balances come to ${state.sum}, and should to ${due}`]),
      ],
    };
  },
};

/** Requests at a steady rate, whatever becomes of them: the two instances in turn. */
class Traffic {
  readonly #answers: Promise<number | undefined>[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(instances: readonly Victim[], { seed, rows, requestsPerSecond }: MigrationLoad) {
    const next = numbersFrom(seed);
    this.#timer = setInterval(() => {
      const question: Question = { id: 1 + Math.floor(next() * rows), amount: 1 };
      const instance = instances[this.#answers.length % instances.length];
      if (instance) this.#answers.push(instance.ask<number>(question));
    }, 1_000 / requestsPerSecond);
  }

  /** Sends no more; resolves with every answer's status. */
  async end(): Promise<number[]> {
    clearInterval(this.#timer);
    return (await Promise.all(this.#answers)).map((status) => status ?? 0);
  }
}

/** Resolves when the report has begun to read. */
async function underWay(bench: Bench): Promise<void> {
  const reading = `SELECT 1 FROM pg_locks JOIN pg_class ON pg_class.oid = relation WHERE relname = 'accounts' AND mode = 'AccessShareLock' AND granted`;
  while ((await bench.query(reading)).length === 0) await sleep(10);
}

async function stateOf(bench: Bench): Promise<{ type: string; sum: number }> {
  const [column] = await bench.query<{ name: string; type: string }>(
    `SELECT column_name AS name, data_type AS type FROM information_schema.columns WHERE table_name = 'accounts' AND column_name LIKE 'balance%'`,
  );
  const [total] = await bench.query<{ sum: string }>(`SELECT sum(${column?.name ?? 'balance'}) AS sum FROM accounts`);
  return { type: column?.type ?? 'missing', sum: Number(total?.sum) };
}
