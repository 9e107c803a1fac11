/** What `npm run bench` does: tools/run.mjs prepares the tree and comes here. */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { load, measuredOn } from '@shop/infra/measured-on';
import { startServers } from '@shop/infra/servers';
import { runProgram } from '@shop/infra/program';
import { Obstacle } from '@shop/infra/state';
import { ids, keep, lastResult, loadBench } from './lab/results.ts';

const usage = `npm run bench                      lists the benches with when they were last measured
npm run bench <id> [-- --quick]    measures on real servers of its own; a full run writes load-tests/results/<id>.json and the pages
                                   that show its figures, a quick one is for a look and writes nothing
`;

const state = fileURLToPath(new URL('../.state-tests/benches', import.meta.url));
const say = (line: string) => console.log(`  ${line}`);

async function main(): Promise<number> {
  const flag = { type: 'boolean', default: false } as const;
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { quick: flag, help: flag } });
  const [id, ...rest] = positionals;
  if (values.help) return print(usage);
  if (rest.length > 0) throw new Obstacle(`One bench at a time.\n\n${usage}`);
  if (id === undefined) return list();
  if (!ids.includes(id)) throw new Obstacle(`There is no bench "${id}": ${ids.join(', ')}.\n\n${usage}`);
  return run(id, values.quick);
}

async function list(): Promise<number> {
  for (const id of ids) {
    const last = lastResult(id);
    print(`${id.padEnd(16)}${(await loadBench(id)).title}`);
    print(`${''.padEnd(16)}${last ? `measured ${last.date.slice(0, 10)} at ${last.commit.id.slice(0, 7)}` : 'not measured yet'}`);
  }
  return print(`\n${usage}`);
}

/** Servers of its own, so that a bench runs beside `npm start`. */
async function run(id: string, quick: boolean): Promise<number> {
  const bench = await loadBench(id);
  const servers = await startServers({ state, need: bench.need, say });
  try {
    if (!servers.kafka) throw new Obstacle('A bench needs Kafka: "npm run doctor" says how this machine can have it.');
    const before = load();
    const { figures, lines, doubts, pages } = await bench.measure({ servers, quick, say });
    print(['', bench.title, '', ...lines, ...doubts.map((doubt) => `doubt: ${doubt}`)].join('\n'));
    if (quick) return doubts.length === 0 ? 0 : 1;
    const written = keep({ id, title: bench.title, figures, doubts, ...(await measuredOn(servers, before)) }, pages);
    print(`\n  written: ${written.join(', ')}`);
    return doubts.length === 0 ? 0 : 1;
  } finally {
    await servers.stop();
  }
}

function print(line: string): 0 {
  console.log(line);
  return 0;
}

await runProgram(main);
