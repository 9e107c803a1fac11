import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Experiment, Load } from '../lab/experiment.ts';
import { keysFrom, numbersFrom } from '../lab/seed.ts';
import type { Victim } from '../lab/victim.ts';
import type { Seen, Task } from './service.ts';

interface CachingLoad extends Load {
  readonly keys: number;
  /** How often everything that is cached runs out at once. */
  readonly lifetimes: number;
  /** Of each key, in each of two processes, at the moment after. */
  readonly readers: number;
  /** Keys that change, and how often in each process. */
  readonly changing: number;
  readonly changes: number;
}

const EVICTED_EVERY_MS = 5;

/**
 * Two processes share a cache. How often is the origin asked too much, and how often is an old value read as if it were
 * the new one?
 */
export const experiment: Experiment<CachingLoad> = {
  title: 'Caching',
  harm: 'loads beyond one per key and lifetime, and reads of what an invalidation had outdated',
  variants: [
    {
      name: 'get, load, set',
      practice: false,
      what: 'if it is not there, load it and set it; delete what has changed',
    },
    { name: 'deletion', practice: false, what: 'one loader for all, but what has changed is deleted' },
    {
      name: 'marks',
      practice: true,
      what: 'one loader for all; what was loaded before a change bears its old mark, however late it is written',
    },
  ],
  load: {
    full: { seed: 20, keys: 30, lifetimes: 10, readers: 10, changing: 8, changes: 150 },
    quick: { seed: 20, keys: 20, lifetimes: 3, readers: 8, changing: 4, changes: 40 },
  },
  tables: `
    CREATE TABLE things (key text PRIMARY KEY, value integer NOT NULL);
    CREATE TABLE loads (key text NOT NULL);
  `,
  topics: [],

  async round(bench, { name }, load) {
    const main = import.meta.resolve('./service.ts');
    const processes = await Promise.all([bench.start(main, name), bench.start(main, name)]);
    const next = numbersFrom(load.seed);
    const [keys, changing] = [keysFrom(next, load.keys), keysFrom(next, load.changing)];
    await bench.query('INSERT INTO things (key, value) SELECT unnest($1::text[]), 0', [[...keys, ...changing]]);

    const redis = new Redis(bench.redisUrl);
    /** Whatever is cached in this round runs out, or had to make room. */
    const forget = async () => {
      const kept = await redis.keys(`${bench.named('')}*text:*`);
      if (kept.length > 0) await redis.unlink(kept);
    };
    const stampede = await stampedes(processes, { keys, load, forget });
    const excess = (await bench.query<{ loads: number }>('SELECT count(*)::int AS loads FROM loads GROUP BY key')).map(
      ({ loads }) => Math.max(0, loads - load.lifetimes),
    );
    const churn = await changeUnderReaders(processes, { keys: changing, times: load.changes, forget });
    redis.disconnect();

    const told = [...stampede, ...churn];
    const seen = told.filter((one) => one !== undefined);
    const sum = (figure: keyof Seen) => seen.reduce((total, one) => total + one[figure], 0);
    const tooMany = excess.reduce((total, one) => total + one, 0);
    return {
      harm: tooMany + sum('old'),
      figures: {
        lifetimes: load.keys * load.lifetimes,
        'loads too many': tooMany,
        changes: 2 * load.changing * load.changes,
        'old values read': sum('old'),
        reads: sum('reads'),
      },
      doubts: [
        ...bench.doubts(...processes),
        ...(sum('bypassed') > 0 ? [`Redis did not answer ${sum('bypassed')} reads`] : []),
        ...(excess.length === load.keys && seen.length === told.length ? [] : ['not everything was read']),
      ],
    };
  },
};

/** Everything runs out at once, and everybody wants it: again and again. */
async function stampedes(
  processes: readonly Victim[],
  { keys, load, forget }: { keys: readonly string[]; load: CachingLoad; forget: () => Promise<void> },
): Promise<(Seen | undefined)[]> {
  const told: (Seen | undefined)[] = [];
  for (let lifetime = 0; lifetime < load.lifetimes; lifetime++) {
    await forget();
    told.push(
      ...(await Promise.all(
        processes.map((process) => process.ask<Seen>({ do: 'read', keys, readers: load.readers } satisfies Task)),
      )),
    );
  }
  return told;
}

/**
 * Both processes change every key, and read all of them meanwhile; what is cached has to make room every few
 * milliseconds.
 */
async function changeUnderReaders(
  processes: readonly Victim[],
  { keys, times, forget }: { keys: readonly string[]; times: number; forget: () => Promise<void> },
): Promise<(Seen | undefined)[]> {
  let over = false;
  const told: (Seen | undefined)[] = [];
  const reading = processes.map(async (process) => {
    while (!over) told.push(await process.ask<Seen>({ do: 'read', keys, readers: 2 } satisfies Task));
  });
  const evicting = (async () => {
    for (; !over; await sleep(EVICTED_EVERY_MS)) await forget();
  })();
  const changes = processes.flatMap((process) =>
    keys.map((key) => process.ask<Seen>({ do: 'change', key, times } satisfies Task)),
  );
  told.push(...(await Promise.all(changes)));
  over = true;
  await Promise.all([...reading, evicting]);
  return told;
}
