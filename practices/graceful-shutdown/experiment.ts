import { setTimeout as sleep } from 'node:timers/promises';
import { orderConfirmed } from '@shop/contracts';
import type { Bench } from '../lab/bench.ts';
import type { Experiment, Load } from '../lab/experiment.ts';
import { keysFrom, numbersFrom } from '../lab/seed.ts';
import type { Victim } from '../lab/victim.ts';
import { Balancer, NOTICED_WITHIN_MS, type Outcome } from './balancer.ts';

interface ShutdownLoad extends Load {
  readonly instances: number;
  readonly restarts: number;
  /** Each asks for its next order a moment after the last answer, for as long as the restarts take. */
  readonly clients: number;
}

const { topic } = orderConfirmed;
/** A member of the group that just died is missed only after its session's end. */
const LISTED_WITHIN_MS = 90_000;
const MOMENT_MS = 40;

/** Instances behind a balancer are restarted one after the other while requests keep coming. How many of them fail? */
export const experiment: Experiment<ShutdownLoad> = {
  title: 'Graceful shutdown',
  harm: 'requests that failed because of a restart',
  variants: [
    { name: 'default', practice: false, what: 'nobody listens to SIGTERM, so Node ends the process' },
    { name: 'close', practice: false, what: 'finish what is under way, refuse what comes, exit' },
    {
      name: 'drain',
      practice: true,
      what: 'not ready, serve until that is noticed, then finish, acknowledge, leave, exit',
    },
  ],
  load: {
    full: { seed: 20, instances: 3, restarts: 4, clients: 12 },
    quick: { seed: 20, instances: 2, restarts: 1, clients: 8 },
  },
  tables: `
    CREATE TABLE orders (id uuid PRIMARY KEY, placed_at timestamptz NOT NULL DEFAULT clock_timestamp(), listed_at timestamptz);
    CREATE TABLE deliveries (id uuid NOT NULL);
  `,
  topics: [topic],

  async round(bench, { name }, load) {
    const main = import.meta.resolve('./service.ts');
    const instances = await Promise.all(Array.from({ length: load.instances }, () => bench.start(main, name)));
    const { outcomes, noticedMs } = await restartUnderLoad(instances, load);
    const count = (outcome: Outcome) => [...outcomes.values()].filter((each) => each === outcome).length;
    const [answered, refused, broken, errors] = [count('answered'), count('refused'), count('broken'), count('error')];

    const allListed = await listed(bench);
    const placed = new Set((await bench.query<{ id: string }>('SELECT id FROM orders')).map(({ id }) => id));
    const [sums] = await bench.query<{ again: number; slowest: number }>(
      `SELECT (SELECT count(*) - count(DISTINCT id) FROM deliveries)::int AS again,
              (SELECT extract(epoch FROM max(listed_at - placed_at)) * 1000 FROM orders)::int AS slowest`,
    );
    const without = (outcome: Outcome) =>
      [...outcomes].filter(([id, each]) => each === outcome && !placed.has(id)).length;
    return {
      harm: refused + broken,
      figures: {
        restarts: load.restarts,
        requests: outcomes.size,
        refused,
        broken,
        'broken, yet done': broken - without('broken'),
        'messages again': sums?.again ?? 0,
        'slowest message, ms': sums?.slowest ?? 0,
      },
      cases: [...outcomes]
        .filter(([, outcome]) => outcome !== 'answered')
        .slice(0, 5)
        .map(([id, outcome]) => `${outcome}: order ${id}`),
      doubts: [
        ...bench.doubts(...instances),
        ...(answered > 0 ? [] : ['no request was answered']),
        ...(errors === 0 ? [] : [`${errors} requests were answered by an error`]),
        ...(without('answered') === 0 ? [] : [`${without('answered')} orders were acknowledged and are not there`]),
        ...(allListed ? [] : [`not every order was listed within ${LISTED_WITHIN_MS / 1000} s`]),
        ...(noticedMs < NOTICED_WITHIN_MS
          ? []
          : [`the balancer took ${Math.round(noticedMs)} ms to notice that an instance was not ready`]),
      ],
    };
  },
};

interface Restarts {
  /** What became of each order that was asked for. */
  readonly outcomes: ReadonlyMap<string, Outcome>;
  /** How long the balancer took to notice that an instance was not ready, at worst. */
  readonly noticedMs: number;
}

/** Clients ask for orders while one instance after the other is restarted. */
async function restartUnderLoad(
  instances: readonly Victim[],
  { seed, clients, restarts }: ShutdownLoad,
): Promise<Restarts> {
  const balancer = new Balancer();
  const join = async (instance: Victim) => {
    const url = await instance.ask<string>('url');
    if (url === undefined) throw new Error(instance.accidents.join('; '));
    await balancer.add(url);
    return url;
  };
  const urls = await Promise.all(instances.map(join));

  const next = numbersFrom(seed);
  const outcomes = new Map<string, Outcome>();
  const through = new AbortController();
  const underWay = Promise.withResolvers<void>();
  const client = async () => {
    for (; !through.signal.aborted; await sleep(MOMENT_MS)) {
      const [id = ''] = keysFrom(next, 1);
      outcomes.set(id, await balancer.send('/orders', { id }));
      if (outcomes.size > clients * 5) underWay.resolve();
    }
  };
  const load = Promise.all(Array.from({ length: clients }, client));
  let noticedMs = 0;
  await underWay.promise;
  try {
    for (let turn = 0; turn < restarts; turn++) {
      const index = turn % instances.length;
      const instance = instances[index] as Victim;
      const askedAt = performance.now();
      await instance.restart();
      noticedMs = Math.max(noticedMs, (await balancer.remove(urls[index] ?? '')) - askedAt);
      urls[index] = await join(instance);
    }
  } finally {
    through.abort();
    await load;
    await balancer.close();
  }
  return { outcomes, noticedMs };
}

/** Whether every order has been listed; gives up after a while. */
async function listed(bench: Bench): Promise<boolean> {
  for (const until = performance.now() + LISTED_WITHIN_MS; performance.now() < until; await sleep(100)) {
    const [left] = await bench.query<{ count: number }>(
      'SELECT count(*)::int AS count FROM orders WHERE listed_at IS NULL',
    );
    if (left?.count === 0) return true;
  }
  return false;
}
