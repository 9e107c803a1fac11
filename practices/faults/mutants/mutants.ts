import { fileURLToPath } from 'node:url';
import { startServers, type Servers } from '@shop/infra/servers';
import { ids, load } from '../../lab/catalogue.ts';
import { runExperiment } from '../../lab/run.ts';
import { asvsClaims } from './asvs.ts';
import { needsServers, onEachPush, patches, type Patch } from './patches.ts';
import { Scratch } from './scratch.ts';

const state = fileURLToPath(new URL('../../../.state-tests/mutants', import.meta.url));
/** Copies of the tree in which patches are tried side by side. */
const COPIES = 2;

/** What became of one mutant. */
export interface Judged {
  readonly name: string;
  readonly caught: boolean;
  /** The sentence that turned red, or why none did. */
  readonly by: string;
}

interface Options {
  /** Only one-line patches; naive variants are what `npm run practice check` shows the harm of. */
  readonly patchesOnly: boolean;
  /** Whether every spec was seen green just before, so that none is run without a mutant. */
  readonly seenGreen?: boolean;
  /** Only the patches of {@link onEachPush}. */
  readonly quick?: boolean;
  /** Only those whose spec needs no server. */
  readonly pure?: boolean;
  /** Part of the name, the file or the spec of the patches that are tried; all unless said. */
  readonly only?: string | undefined;
  readonly say: (line: string) => void;
}

/** Breaks the product on purpose, in a copy, in one way after another, and tells which were noticed. */
export async function judgeMutants({
  patchesOnly,
  quick = false,
  seenGreen = false,
  pure = false,
  only = '',
  say,
}: Options): Promise<Judged[]> {
  // Claims of the ASVS are tried by name and at night: each of their tests is one of others' too.
  const all = patchesOnly && only === '' ? patches : [...patches, ...asvsClaims];
  const wanted = (quick ? onEachPush(patches) : all).filter(
    ({ invariant, name, file, caughtBy }) =>
      `${invariant} ${name} ${file} ${caughtBy}`.includes(only) && !(pure && needsServers(caughtBy)),
  );
  const servers = await startServers({
    state,
    need: !patchesOnly || wanted.some(({ caughtBy }) => needsServers(caughtBy)) ? ['postgres', 'kafka', 'redis'] : [],
    mode: 'testcontainers',
    say,
  });
  const copies = await Promise.all(Array.from({ length: COPIES }, () => Scratch.make(environmentOf(servers))));
  try {
    const red = seenGreen ? [] : await redAlready(wanted, copies);
    if (red.length > 0) return red;
    const waiting = wanted.values();
    const judged: Judged[] = [];
    const work = async (copy: Scratch) => {
      for (const patch of waiting) {
        const one = await judgePatch(copy, patch);
        say(`${one.caught ? 'caught' : 'MISSED'}  ${one.name}: ${one.by}`);
        judged.push(one);
      }
    };
    await Promise.all(copies.map(work));
    return patchesOnly ? judged : [...judged, ...(await judgeVariants(servers, say))];
  } finally {
    for (const copy of copies) copy.remove();
    await servers.stop();
  }
}

/** A spec that is red anyway catches nothing: empty when all are green. */
async function redAlready(wanted: readonly Patch[], copies: readonly Scratch[]): Promise<Judged[]> {
  const files = [...new Set(wanted.map(({ caughtBy }) => caughtBy))];
  const kinds = [files.filter(needsServers), files.filter((file) => !needsServers(file))].filter(
    (some) => some.length > 0,
  );
  const runs = await Promise.all(kinds.map((some, index) => copies[index % COPIES]!.specs(some)));
  return runs.flatMap(({ red, trouble, green }) =>
    red.length === 0 && trouble === undefined && green > 0
      ? []
      : [{ name: 'without any mutant', caught: false, by: `red already: ${red[0] ?? trouble ?? 'nothing ran'}` }],
  );
}

async function judgePatch(copy: Scratch, patch: Patch): Promise<Judged> {
  const name = `${patch.invariant} ${patch.name}`;
  try {
    const { red, trouble } = await copy.patched(patch, () => copy.specs([patch.caughtBy], patch.test !== undefined));
    const by = patch.test === undefined ? red[0] : red.find((sentence) => isTitled(sentence, patch.test!));
    return {
      name,
      caught: by !== undefined,
      by:
        by ??
        trouble ??
        (red[0] === undefined
          ? `${patch.caughtBy} stays green`
          : `"${patch.test}" stays green, and this turns red: ${red[0]}`),
    };
  } catch (error) {
    return { name, caught: false, by: (error as Error).message };
  }
}

/** Whether a sentence is that of a test with this title, in which `%s`, `%j` and the like stand for anything. */
function isTitled(sentence: string, title: string): boolean {
  let from = 0;
  return title.split(/%[a-z]/).every((piece) => (from = sentence.indexOf(piece, from) + piece.length) >= piece.length);
}

/** The naive variants beside each experiment: the checker of practices/ has to count harm. */
async function judgeVariants(servers: Servers, say: (line: string) => void): Promise<Judged[]> {
  const judged: Judged[] = [];
  for (const id of ids) {
    const experiment = await load(id);
    const { rounds, harm } = await runExperiment({ id, experiment, servers, quick: true, say });
    const naive = rounds.filter(({ variant }) => !variant.practice);
    judged.push(
      ...naive.map(({ variant, round }) => ({
        name: `${id}: ${variant.name}`,
        caught: round.harm > 0,
        by: `${round.harm} ${harm}`,
      })),
    );
  }
  return judged;
}

function environmentOf({ postgres, kafka, redis }: Servers): Record<string, string> {
  return {
    POSTGRES_URL: postgres.adminUrl,
    ...(kafka && { KAFKA_BROKERS: kafka.brokers }),
    ...(redis && { REDIS_URL: redis.url }),
    CI: 'true',
  };
}
