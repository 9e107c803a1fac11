/** What `npm run fault` does: tools/run.mjs prepares the tree and comes here. */
import { parseArgs } from 'node:util';
import { kafkaObstacle, noKafkaBecause } from '@shop/infra/servers';
import { runProgram } from '@shop/infra/program';
import { Obstacle } from '@shop/infra/state';
import { linesOf, reportOutcomes, type Outcome } from '@shop/infra/test-report';
import { faults, keep, lastResult, type Driver } from './catalogue.ts';
import type { Fault } from './fault.ts';
import { judgeMutants, type Judged } from './mutants/mutants.ts';
import { runFaults, type Result } from './run.ts';
import { show } from './show.ts';
import type { Round } from './verdict.ts';

const usage = `npm run fault                         lists the faults with what their last full run came to
npm run fault <id> … [-- --quick]     lets it happen to a whole shop under load, two instances of each service on real servers, and checks
                                      every invariant; several happen to one shop, one after the other; a full run writes
                                      practices/faults/results/<id>.json, a quick one writes nothing
    --seed <n>    where chance begins: the same seed makes the same load and the same accidents
    --seeds <n>   so many seeds, one after the other, in one shop
    --outbox wal  with the outbox in the write-ahead log (docs/adr/0015) in the place of its table; kept as results/<id>-wal.json
npm run fault mutants [-- --patches]  breaks the product on purpose, in a copy, in one way after another: each has to be noticed by a spec, and
                                      each naive variant of practices/ by the checker; --patches leaves the variants to "npm run practice check",
                                      --only <text> tries the patches with that in their name, file or spec ("ASVS": the claims of docs/security/asvs.csv),
                                      --pure those whose spec needs no server
npm run fault check                   what CI runs: the patches whose specs need no server, one of the others for each invariant, and F18 with
                                      three seeds; at night (CI_LEVEL=nightly) everything`;

// kafkajs asks for a timer in the past now and then, and Node says so: https://github.com/tulios/kafkajs/issues/1751
process.removeAllListeners('warning');

const say = (line: string) => console.log(`  ${line}`);

async function main(): Promise<number> {
  const options = {
    quick: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
    patches: { type: 'boolean', default: false },
    pure: { type: 'boolean', default: false },
    only: { type: 'string' },
    seed: { type: 'string' },
    seeds: { type: 'string' },
    outbox: { type: 'string' },
  } as const;
  const { values, positionals } = parseArgs({ allowPositionals: true, options });
  const [what] = positionals;
  if (values.help) return print(usage);
  if (what === undefined) return list();
  if (what === 'mutants')
    return mutants({
      patchesOnly: values.patches || values.pure || values.only !== undefined,
      pure: values.pure,
      only: values.only,
    });
  if (what === 'check') return check();
  const wanted = positionals.map(
    (name) => faults.find(({ id }) => id.toLowerCase() === name.toLowerCase()) ?? unknown(name),
  );
  const outbox = driver(values.outbox);
  const first = number('seed', values.seed, 1);
  return runSome(
    wanted,
    Array.from({ length: number('seeds', values.seeds, 1) }, (_, n) => first + n),
    { quick: values.quick, outbox },
  );
}

function unknown(name: string): never {
  throw new Obstacle(
    `There is no fault "${name}": ${faults.map(({ id }) => id).join(', ')}, mutants, check.\n\n${usage}`,
  );
}

function list(): number {
  for (const { id, title } of faults) {
    const result = lastResult(id);
    print(`${id.padEnd(5)}${title}`);
    print(
      `     ${result ? `${result.verdict}: ${summary(result)}  (${result.date.slice(0, 10)}, ${result.commit.id.slice(0, 7)})` : 'no full run yet'}`,
    );
  }
  return print(`\n${usage}`);
}

function summary({ rounds }: Result): string {
  const sum = (figure: string) =>
    rounds.reduce((total, round) => total + (round.figures[figure] ?? 0), 0).toLocaleString('en');
  const seeds = rounds.length === 1 ? `seed ${rounds[0]?.seed}` : `${rounds.length} seeds`;
  return `${sum('accidents')} accidents in ${sum('commands')} commands, ${rounds.flatMap(({ violations }) => violations).length} violations, ${seeds}`;
}

async function runSome(
  wanted: readonly Fault[],
  seeds: number[],
  { quick, outbox }: { quick: boolean; outbox: Driver },
): Promise<number> {
  const obstacle = wanted.map(obstacleOf).find((one) => one !== undefined);
  if (obstacle !== undefined) throw new Obstacle(obstacle);
  const tell = (result: Result) => {
    print(show(result));
    // Nothing was found out where nothing can be told.
    if (quick || result.verdict === 'cannot tell') return;
    print(`\n  written: ${keep(result, outbox)}`);
  };
  const results = await runFaults({ faults: wanted, seeds, quick, say, tell });
  return results.length === wanted.length && results.every(({ verdict }) => verdict === 'held') ? 0 : 1;
}

/** The driver of the outbox, told to the shop by its environment; what is in the environment already stays. */
function driver(wish = process.env['OUTBOX_DRIVER'] || 'queue'): Driver {
  if (wish !== 'queue' && wish !== 'wal') throw new Obstacle(`--outbox is queue or wal, not "${wish}".\n\n${usage}`);
  process.env['OUTBOX_DRIVER'] = wish;
  return wish;
}

function number(name: string, text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new Obstacle(`--${name} takes a whole number from 1 on, not "${text}".\n\n${usage}`);
}

/** Faults kill servers, so they have to be natively started ones, Docker or not. */
const obstacleOf = (fault: Fault) => kafkaObstacle() ?? fault.obstacle?.();

async function mutants(which: { patchesOnly: boolean; pure: boolean; only: string | undefined }): Promise<number> {
  const judged = await judgeMutants({ ...which, say });
  if (judged.length === 0) throw new Obstacle(`No patch has "${which.only}" in its name, its file or its spec.`);
  const missed = judged.filter(({ caught }) => !caught);
  for (const { name, by } of missed) print(`MISSED  ${name}: ${by}`);
  print(`\n  ${judged.length - missed.length} of ${judged.length} mutants caught`);
  return missed.length === 0 ? 0 : 1;
}

/** On each push what is quick, at night the rest. Whatever becomes of one, the others are judged too. */
async function check(): Promise<number> {
  const nightly = process.env['CI_LEVEL'] === 'nightly';
  const noKafka = await noKafkaBecause();
  const skipped = noKafka === undefined ? [] : [{ test: 'mutants', reason: noKafka }];
  const outcomes: Outcome[] = [];
  if (noKafka === undefined)
    outcomes.push(
      ...(
        await judgeMutants({
          patchesOnly: !nightly,
          quick: !nightly,
          seenGreen: process.env['SPECS_SEEN_GREEN'] === 'true',
          say,
        })
      ).map(({ name, caught, by }: Judged) => ({ test: `mutant ${name}`, faults: caught ? [] : [by] })),
    );
  for (const fault of nightly ? faults : faults.filter(({ id }) => id === 'F18')) {
    const reason = obstacleOf(fault);
    if (reason === undefined)
      outcomes.push(
        ...(await checkFault(fault, nightly).catch((error: Error) => [{ test: fault.id, faults: [error.message] }])),
      );
    else skipped.push({ test: fault.id, reason });
  }
  for (const line of outcomes.filter(({ faults }) => faults.length > 0).flatMap(linesOf)) print(line);
  for (const { test, reason } of skipped) print(`skipped ${test}: ${reason}`);
  return reportOutcomes(outcomes, skipped);
}

async function checkFault(fault: Fault, nightly: boolean): Promise<Outcome[]> {
  const seeds = fault.id !== 'F18' ? [1] : Array.from({ length: nightly ? 20 : 3 }, (_, n) => n + 1);
  const [result] = await runFaults({ faults: [fault], seeds, quick: !nightly, say, tell: (one) => print(show(one)) });
  const why = ({ violations, broken, doubts }: Round) => [
    ...violations.map(({ invariant, about, what }) => `${invariant} ${about}: ${what}`),
    ...broken,
    ...doubts,
  ];
  return (
    result?.rounds.map((round) => ({ test: `${fault.id} seed ${round.seed}`, faults: why(round).slice(0, 5) })) ?? []
  );
}

function print(line: string): 0 {
  console.log(line);
  return 0;
}

await runProgram(main);
