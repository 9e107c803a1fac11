/** What `npm run practice` does: tools/run.mjs prepares the tree and comes here. */
import { globSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { noKafkaBecause, startServers, type Servers } from '@shop/infra/servers';
import { runProgram } from '@shop/infra/program';
import { Obstacle } from '@shop/infra/state';
import { linesOf, reportOutcomes, type Outcome } from '@shop/infra/test-report';
import { effect, ids, keep, lastResult, load, pageFaults } from './lab/catalogue.ts';
import { runExperiment, type Result } from './lab/run.ts';
import { show } from './lab/show.ts';

const usage = `npm run practice                      lists the experiments with what was last measured
npm run practice <id> [-- --quick]    the same load with the practice and without it, on real servers with real kills;
                                      a full run writes practices/<id>/result.json and the table in README.md, a quick one writes nothing
npm run practice check                what CI runs: quick runs of all, the pages and their links`;

const state = fileURLToPath(new URL('../.state-tests/practices', import.meta.url));
// kafkajs asks for a timer in the past now and then, and Node says so: https://github.com/tulios/kafkajs/issues/1751
process.removeAllListeners('warning');

const say = (line: string) => console.log(`  ${line}`);

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { quick: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } },
  });
  const [what, ...more] = positionals;
  if (values.help) return print(usage);
  if (more.length > 0) throw new Obstacle(`One at a time: "${what}" or "${more.join('" or "')}".\n\n${usage}`);
  if (what === undefined) return list();
  if (what === 'check') return check();
  if (!ids.includes(what)) throw new Obstacle(`There is no experiment "${what}": ${ids.join(', ')}.\n\n${usage}`);
  return withServers((servers) => runOne(servers, what, values.quick));
}

async function list(): Promise<number> {
  for (const id of ids) {
    const result = lastResult(id);
    const { title } = await load(id);
    print(`${id.padEnd(20)}${title}`);
    if (!result) print(`${''.padEnd(20)}not measured yet`);
    else
      print(
        `${''.padEnd(20)}without: ${effect(result).without}; with: ${effect(result).with}  (${result.date.slice(0, 10)})`,
      );
  }
  return print(`\n${usage}`);
}

async function runOne(servers: Servers, id: string, quick: boolean): Promise<number> {
  const result = await runExperiment({ id, experiment: await load(id), servers, quick, say });
  print(show(result));
  // Nothing was measured where nothing can be told.
  if (!quick && result.verdict !== 'cannot tell') {
    keep(result);
    print(`\n  written: practices/${id}/result.json, and the table in README.md`);
  }
  return result.verdict === 'shown' ? 0 : 1;
}

/** Every effect is measured anew: what result.json says changes no verdict. */
async function check(): Promise<number> {
  const outcomes: Outcome[] = Object.entries(pageFaults()).map(([test, faults]) => ({ test, faults }));
  for (const id of ids) {
    const recorded = lastResult(id)?.verdict;
    outcomes.push({
      test: `${id}: a full run is on record`,
      faults: recorded === 'shown' ? [] : [`its verdict is ${recorded ?? 'missing'}`],
    });
  }
  const noKafka = await noKafkaBecause();
  const skipped = noKafka === undefined ? [] : ids.map((test) => ({ test, reason: noKafka }));
  if (noKafka === undefined) outcomes.push(...(await withServers(measureAll)));
  for (const line of outcomes.flatMap(linesOf)) print(line);
  for (const { test, reason } of skipped) print(`skipped ${test}: ${reason}`);
  return reportOutcomes(outcomes, skipped);
}

/** So many experiments at a time: a quick one waits more than it works, and counts do not care. */
const LANES = 2;

/** All in {@link LANES}, quick; then, one at a time, whatever did not show its effect beside another. */
async function measureAll(servers: Servers): Promise<Outcome[]> {
  const run = async (id: string, quick: boolean) => {
    const result = await runExperiment({ id, experiment: await load(id), servers, quick, say });
    print(show(result));
    return result;
  };
  const results = new Map<string, Result>();
  const waiting = ids.values();
  const lane = async () => {
    for (const id of waiting) results.set(id, await run(id, true));
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  for (const [id, { verdict }] of results) {
    if (verdict === 'shown') continue;
    say(`${id}: ${verdict} beside another experiment; once more by itself`);
    // A race may spare a small load: whether its effect is gone is for the full one to say.
    results.set(id, await run(id, verdict !== 'gone'));
  }
  return ids.map((id) => ({ test: `${id}: the effect is there`, faults: faultsOf(results.get(id)) }));
}

function faultsOf(result: Result | undefined): string[] {
  if (!result) return ['not run'];
  const { verdict, rounds } = result;
  return verdict === 'shown' ? [] : [verdict, ...rounds.flatMap(({ round }) => round.doubts)];
}

/** Servers of their own, so that experiments run beside `npm start`. */
async function withServers<T>(work: (servers: Servers) => Promise<T>): Promise<T> {
  const began = performance.now();
  const servers = await startServers({ state, need: ['postgres', 'kafka', 'redis'], say });
  const { postgres, kafka, redis } = servers.how;
  say(
    `Postgres (${postgres}), Kafka (${kafka}) and Redis (${redis}) are up (${((performance.now() - began) / 1000).toFixed(1)} s)`,
  );
  // Logs of a round stay until the next run, to be read.
  for (const old of globSync('practice_*', { cwd: servers.state.folder }))
    rmSync(join(servers.state.folder, old), { recursive: true });
  try {
    return await work(servers);
  } finally {
    await servers.stop();
  }
}

function print(line: string): 0 {
  console.log(line);
  return 0;
}

await runProgram(main);
