import { runStages } from './run-stages.ts';
import {
  checkStages,
  faultStage,
  manifestStage,
  nightlyStages,
  practiceStage,
  securityStage,
  testStages,
} from './stages.ts';

const stages = [
  ...checkStages,
  ...testStages,
  practiceStage,
  securityStage,
  manifestStage,
  faultStage,
  ...(process.env['CI_LEVEL'] === 'nightly' ? nightlyStages : []),
];

if (process.argv.length > 2) {
  console.log('npm run check   what CI runs; the last line is "N passed, N failed":\n');
  for (const { name, what } of stages) console.log(`  ${name.padEnd(11)}${what}`);
} else {
  process.exitCode = await runStages(stages);
}
