/** What `npm run bench` does: tools/run.mjs prepares the tree and comes here. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { load, measuredOn } from '@shop/infra/measured-on';
import { runProgram } from '@shop/infra/program';
import { startServers, type ServerName } from '@shop/infra/servers';
import { holderOfState, Obstacle, wipeState } from '@shop/infra/state';
import type { Bench, Setting } from './lab/bench.ts';
import { BenchShop } from './lab/bench-shop.ts';
import { ids, keep, lastResult, loadBench } from './lab/results.ts';
import { Wrk } from './lab/wrk.ts';

const usage = `npm run bench                      lists the benches with when they were last measured
npm run bench <id> [-- --quick]    measures on real servers of its own; a full run writes load-tests/results/<id>.json and the pages
                                   that show its figures, a quick one is for a look and writes nothing. P1, P2 … name a bench by
                                   the line of docs/benchmarks.md that it measures
npm run bench all [-- --quick]     everything in docs/benchmarks.md, one after the other, a quarter of an hour
`;

const state = fileURLToPath(new URL('../.state-tests/benches', import.meta.url));
const root = fileURLToPath(new URL('..', import.meta.url));
const say = (line: string) => console.log(`  ${line}`);

async function main(): Promise<number> {
  const flag = { type: 'boolean', default: false } as const;
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { quick: flag, help: flag } });
  const [id, ...rest] = positionals;
  if (values.help) return print(usage);
  if (rest.length > 0) throw new Obstacle(`One bench at a time.\n\n${usage}`);
  if (id === undefined) return list();
  const benches = await Promise.all(ids.map(async (each) => ({ id: each, ...(await loadBench(each)) })));
  const chosen = benches.filter(({ id: each, proves = [] }) =>
    id === 'all' ? proves.length > 0 : each === id || proves.includes(id.toUpperCase()),
  );
  if (chosen.length === 0) throw new Obstacle(`There is no bench "${id}": ${ids.join(', ')}.\n\n${usage}`);
  const place = ({ need, last }: Bench) => (need.length === 0 ? 0 : last ? 2 : 1); // who needs no shop goes before there is one
  return runAll(
    chosen.sort((a, b) => place(a) - place(b)),
    values.quick,
  );
}

async function list(): Promise<number> {
  for (const id of ids) {
    const [last, { title, proves }] = [lastResult(id), await loadBench(id)];
    print(`${id.padEnd(18)}${title}${proves ? ` (${proves.join(', ')})` : ''}`);
    print(
      `${''.padEnd(18)}${last ? `measured ${last.date.slice(0, 10)} at ${last.commit.id.slice(0, 7)}` : 'not measured yet'}`,
    );
  }
  return print(`\n${usage}`);
}

type Named = Bench & { readonly id: string };

/**
 * Servers of its own, so that a bench runs beside `npm start`; they begin empty. What fails keeps none of the others
 * from running.
 */
async function runAll(benches: readonly Named[], quick: boolean): Promise<number> {
  const holder = holderOfState(state);
  if (holder) throw new Obstacle(`A bench runs here already, since ${holder.since} (process ${holder.pid}).`);
  wipeState(state);
  const need = [...new Set<ServerName>(benches.flatMap((bench) => bench.need))];
  const servers = await startServers({ state, need, say });
  let shop: Promise<BenchShop> | undefined;
  const setting: Setting = {
    servers,
    quick,
    say,
    shop: () => (shop ??= BenchShop.start(servers, say)),
    wrk: () => Wrk.find(servers.state),
  };
  try {
    if (need.includes('kafka') && !servers.kafka)
      throw new Obstacle('This bench needs Kafka: "npm run doctor" says how this machine can have it.');
    let wrong = 0;
    for (const bench of benches)
      wrong += await run(bench, setting).catch((error: unknown) => failed(bench, error, benches.length === 1));
    if (!quick)
      spawnSync(process.execPath, ['--import', './tools/ts.mjs', 'tools/generate.ts'], { cwd: root, stdio: 'inherit' });
    return wrong === 0 ? 0 : 1;
  } finally {
    await (await shop?.catch(() => undefined))?.stop();
    await servers.stop();
  }
}

async function run({ id, title, measure }: Named, setting: Setting): Promise<number> {
  const [before, began] = [load(), performance.now()];
  print(`\n${title}`);
  const { figures, lines, doubts, pages } = await measure(setting);
  const seconds = Math.round((performance.now() - began) / 1_000);
  print(['', ...lines, ...doubts.map((doubt) => `doubt: ${doubt}`), `  in ${seconds} s`].join('\n'));
  if (!setting.quick) {
    const written = keep({ id, title, figures, doubts, ...(await measuredOn(setting.servers, before)) }, pages);
    print(`  written: ${written.join(', ')}`);
  }
  return doubts.length === 0 ? 0 : 1;
}

function failed({ id }: Named, error: unknown, alone: boolean): number {
  if (alone) throw error;
  console.error(`${id} came to nothing: ${error instanceof Obstacle ? error.message : (error as Error).stack}`);
  return 1;
}

function print(line: string): 0 {
  console.log(line);
  return 0;
}

await runProgram(main);
