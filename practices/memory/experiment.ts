import { leaks } from '../checker/heap.ts';
import type { Bench } from '../lab/bench.ts';
import type { Experiment, Load } from '../lab/experiment.ts';
import type { Victim } from '../lab/victim.ts';
import type { Asked, Held } from './service.ts';

interface MemoryLoad extends Load {
  readonly rounds: number;
  readonly requests: number;
}

/**
 * What a process may grow by between two looks at its RSS: the share of one process in what faults allow a shop (I11).
 */
const RSS_MAY_GROW_BY = 60 * 2 ** 20;
/** A request that leaves less than this behind leaves nothing: the key of a map alone takes more. */
const NOISE = { warmUpRounds: 3, bytesPerRequest: 32 };

const kinds: Readonly<Record<string, { leaks: boolean }>> = {
  limiter: { leaks: false },
  'price list': { leaks: false },
  'limiter without bound': { leaks: true },
  listeners: { leaks: true },
};

interface Seen {
  readonly before: Held;
  readonly rounds: readonly Held[];
}

/** Four processes handle requests for a while. Two of them leak: which? */
export const experiment: Experiment<MemoryLoad> = {
  title: 'Memory',
  harm: 'leaks missed and false alarms',
  variants: [
    { name: 'one look', practice: false, what: 'the resident memory at the end against that in the beginning' },
    {
      name: 'heap slope',
      practice: true,
      what: 'what each round of a soak leaves in the heap after a garbage collection',
    },
  ],
  load: {
    full: { seed: 20, rounds: 12, requests: 5_000 },
    quick: { seed: 20, rounds: 8, requests: 3_000 },
  },
  tables: '',
  topics: [],

  async round(bench, { practice }, load) {
    const names = Object.keys(kinds);
    const processes = await Promise.all(
      names.map(() => bench.start(import.meta.resolve('./service.ts'), practice ? 'heap slope' : 'one look')),
    );
    const seen = await Promise.all(
      names.map(async (kind, index) => ({ kind, ...(await soak(processes[index] as Victim, kind, load)) })),
    );
    const found = new Set(
      seen.filter((one) => (practice ? leaksBySlope(one, load) : leaksByOneLook(one))).map(({ kind }) => kind),
    );
    const missed = names.filter((kind) => kinds[kind]?.leaks === true && !found.has(kind));
    const alarms = names.filter((kind) => kinds[kind]?.leaks === false && found.has(kind));
    return {
      harm: missed.length + alarms.length,
      figures: { 'leaks missed': missed.length, 'false alarms': alarms.length, ...figuresOf(seen) },
      cases: [...missed.map((kind) => `missed: ${kind}`), ...alarms.map((kind) => `false alarm: ${kind}`)],
      doubts: doubtsOf(bench, processes, { seen, load }),
    };
  },
};

async function soak(process: Victim, kind: string, { rounds, requests }: MemoryLoad): Promise<Seen> {
  const nothing: Held = { heap: 0, rss: 0 };
  const ask = async (asked: Omit<Asked, 'kind'>) => (await process.ask<Held>({ ...asked, kind })) ?? nothing;
  // What only loads and compiles is over when the first look is taken.
  const before = await process.ask<Held>({ what: 'begin', kind, from: 0, requests: 0 });
  const seen: Held[] = [];
  for (let round = 0; round < rounds; round++)
    seen.push(await ask({ what: 'round', from: round * requests, requests }));
  return { before: before ?? nothing, rounds: seen };
}

const leaksBySlope = ({ rounds }: Seen, { requests }: MemoryLoad) =>
  leaks({ heapBytes: rounds.map(({ heap }) => heap), requestsPerRound: requests, ...NOISE });
const leaksByOneLook = ({ before, rounds }: Seen) => (rounds.at(-1)?.rss ?? 0) - before.rss > RSS_MAY_GROW_BY;

const mib = (bytes: number) => Math.round(bytes / 2 ** 20);
const figuresOf = (seen: readonly (Seen & { kind: string })[]) =>
  Object.fromEntries(
    seen.map(({ kind, before, rounds }) => [`${kind}, RSS +MiB`, mib((rounds.at(-1)?.rss ?? 0) - before.rss)]),
  );

function doubtsOf(
  bench: Bench,
  processes: readonly Victim[],
  { seen, load }: { seen: readonly Seen[]; load: MemoryLoad },
): string[] {
  const silent = seen.filter(({ rounds }) => rounds.length !== load.rounds || rounds.some(({ heap }) => heap === 0));
  return [
    ...bench.doubts(...processes),
    ...(silent.length === 0 ? [] : [`${silent.length} processes did not say what they hold`]),
  ];
}
