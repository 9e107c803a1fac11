import { runStages } from './run-stages.ts';
import { nightlyStages, testStages } from './stages.ts';

const wanted = process.argv.slice(2);
const all = [...testStages, ...nightlyStages];
const unknown = wanted.filter((name) => !all.some((stage) => stage.name === name));

if (unknown.length > 0) {
  const help = unknown.some((name) => name === '--help' || name === '-h');
  if (!help) console.error(`Unknown: ${unknown.join(', ')}\n`);
  console.log('npm test [-- <stage> …]   runs the tests; without a stage, all of them:\n');
  for (const { name, what } of testStages) console.log(`  ${name.padEnd(14)}${what}`);
  console.log('\nonly when it is asked for, and at night:\n');
  for (const { name, what } of nightlyStages) console.log(`  ${name.padEnd(14)}${what}`);
  console.log('\nOne file, while you work on it: npx vitest --project int <part of its path>');
  process.exitCode = help ? 0 : 2;
} else {
  process.exitCode = await runStages(wanted.length > 0 ? all.filter(({ name }) => wanted.includes(name)) : testStages);
}
