/** What `npm run load` does: tools/run.mjs prepares the tree and comes here. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { load, measuredOn } from '@shop/infra/measured-on';
import { Obstacle } from '@shop/infra/state';
import { spread } from './lab/bench.ts';
import { findK6, versionOf } from './lab/k6.ts';
import { findShop, type Loaded } from './lab/loaded-shop.ts';
import { prepare } from './lab/run-folder.ts';
import { oneRound, type ScenarioRound } from './lab/scenario-round.ts';
import { usage, wishOf, type Wish } from './lab/scenario-plan.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
/** So many rounds are a measurement. */
const MEASURED = 5;
/** Accounts that a storm of sign-ins takes turns with. */
const [CUSTOMERS, ACCOUNTS] = [12, 20];

async function main(): Promise<number> {
  const wish = wishOf(process.argv.slice(2));
  if (!wish) return say(usage);
  const k6 = await findK6();
  const shop = await findShop(wish.target, say);
  try {
    return await run(wish, k6, shop);
  } finally {
    await shop.stop();
  }
}

async function run(wish: Wish, k6: string, shop: Loaded): Promise<number> {
  const before = load();
  const folder = join(root, '.cache/load', `${wish.name}-${new Date().toISOString().replaceAll(/[:.]/g, '-')}`);
  const prepared = await prepare(shop.address, folder, {
    customers: CUSTOMERS,
    accounts: wish.name === 'auth-storm' ? ACCOUNTS : 0,
  });
  await shop.prove();
  const rounds: ScenarioRound[] = [];
  try {
    for (let round = 1; round <= wish.rounds; round++) {
      const into = join(folder, `round-${round}`);
      mkdirSync(into);
      rounds.push(await oneRound({ wish, k6, shop, data: prepared.file, folder: into, say }));
    }
  } finally {
    prepared.close();
  }
  const kept = rounds.every(({ held }) => held);
  const { name: id, what: title, rate, seconds } = wish;
  const measured = await measuredOn(shop.servers, before);
  const result = {
    id,
    title,
    rate,
    seconds,
    held: kept,
    spread: spreads(rounds),
    rounds,
    ...measured,
    versions: { ...measured.versions, k6: await versionOf(k6) },
  };
  const text = `${JSON.stringify(result, undefined, 2)}\n`;
  writeFileSync(join(folder, 'result.json'), text);
  if (rounds.length >= MEASURED && wish.target === undefined) {
    mkdirSync(join(root, 'load-tests/results/load'), { recursive: true });
    writeFileSync(join(root, 'load-tests/results/load', `${id}.json`), text);
  }
  say(
    `\n${kept ? 'The objectives held.' : 'The objectives did not hold.'} Report, summary and machine: ${folder.slice(root.length)}`,
  );
  return kept ? 0 : 1;
}

/** Median, least and most of the rounds. */
function spreads(rounds: readonly ScenarioRound[]) {
  const of = (figure: (round: ScenarioRound) => number) => spread(rounds.map(figure));
  return {
    perSecond: of(({ client }) => client.perSecond),
    p99Ms: of(({ client }) => client.p99Ms),
    toolMicros: of(({ cpuMicros }) => cpuMicros['tool'] ?? NaN),
  };
}

function say(line: string): 0 {
  process.stdout.write(`${line}\n`);
  return 0;
}

try {
  process.exit(await main());
} catch (error) {
  // A sentence for what people can do something about; a stack for what is a bug of ours.
  const expected =
    error instanceof Obstacle || String((error as NodeJS.ErrnoException).code).startsWith('ERR_PARSE_ARGS');
  process.stderr.write(`${expected ? (error as Error).message : (error as Error).stack}\n`);
  process.exit(1);
}
