/** What `npm run security` does: tools/run.mjs prepares the tree and comes here. */
import { runProgram } from '@shop/infra/program';
import { Obstacle } from '@shop/infra/state';
import { linesOf, reportOutcomes, tallyOf, type Outcome } from '@shop/infra/test-report';
import type { Command } from './command.ts';
import { openShop } from './shop.ts';

// Each is loaded only when it is asked for.
const commands: Record<string, () => Promise<Command>> = {
  matrix: async () => (await import('./matrix.ts')).matrix,
  tokens: async () => (await import('./tokens.ts')).tokens,
  fuzz: async () => (await import('./fuzz.ts')).fuzz,
  pages: async () => (await import('./pages.ts')).pages,
};
/** What CI runs on each push, against one shop. */
const checked = ['matrix', 'tokens', 'fuzz'];
/** And at night. */
const nightly = process.env['CI_LEVEL'] === 'nightly' ? ['pages'] : [];

const say = (line: string) => console.log(`  ${line}`);

async function usage(): Promise<string> {
  const lines = await Promise.all(
    Object.entries(commands).map(async ([name, load]) => `npm run security ${name.padEnd(10)}${(await load()).what}`),
  );
  return [
    ...lines,
    `npm run security ${'check'.padEnd(10)}what CI runs: ${checked.join(', ')}`,
    '',
    'Each tries a whole shop that it starts on a Postgres of its own, and ends it.',
  ].join('\n');
}

async function main([name, ...args]: string[]): Promise<number> {
  if (name === undefined || name === '--help' || args.includes('--help')) return print(await usage());
  if (name === 'check') return check();
  const command = await commands[name]?.();
  if (!command)
    throw new Obstacle(`There is no "${name}": ${[...Object.keys(commands), 'check'].join(', ')}.\n\n${await usage()}`);
  const obstacle = command.obstacle?.();
  if (obstacle !== undefined) throw new Obstacle(`${name}: ${obstacle}`);
  return tell(await tried([command], args));
}

async function check(): Promise<number> {
  const wanted = await Promise.all(
    [...checked, ...nightly].map(async (test) => ({ test, command: await commands[test]!() })),
  );
  const skipped = wanted.flatMap(({ test, command }) => {
    const reason = command.obstacle?.();
    return reason === undefined ? [] : [{ test: `security ${test}`, reason }];
  });
  const outcomes = await tried(
    wanted.filter(({ command }) => command.obstacle?.() === undefined).map(({ command }) => command),
    ['--check'],
  );
  reportOutcomes(outcomes, skipped);
  for (const { test, reason } of skipped) print(`skipped ${test}: ${reason}`);
  return tell(outcomes);
}

async function tried(wanted: readonly Command[], args: readonly string[]): Promise<Outcome[]> {
  const shop = await openShop(say);
  try {
    const outcomes: Outcome[] = [];
    for (const command of wanted) outcomes.push(...(await command.run(shop, { args, say })));
    return outcomes;
  } finally {
    await shop.close();
  }
}

function tell(outcomes: readonly Outcome[]): number {
  const failed = outcomes.filter(({ faults }) => faults.length > 0);
  for (const line of failed.flatMap(linesOf)) print(line);
  print(tallyOf(outcomes));
  return failed.length === 0 && outcomes.length > 0 ? 0 : 1;
}

function print(line: string): 0 {
  console.log(line);
  return 0;
}

await runProgram(main);
