/** Where the reports of stages are, from the root of the repository. */
export const reports = '.cache/tests';

/**
 * One step of `npm test` or `npm run check`: a program, and what it may take at most before it is ended and counts as
 * failed.
 */
export interface Stage {
  name: string;
  what: string;
  args: string[];
  minutesAtMost: number;
  /** Which files tell what its tests came to; none for a stage that runs no tests. */
  reports?: string;
  env?: Record<string, string>;
  /** Up to how many files with failures are run once more, as further arguments (docs/adr/0028); none when missing. */
  filesAgain?: number;
}

const nx = (...args: string[]) => ['node_modules/nx/dist/bin/nx.js', ...args];
const vitest = (project: string, name = project, env = {}): Pick<Stage, 'args' | 'reports' | 'env' | 'filesAgain'> => ({
  args: ['node_modules/vitest/vitest.mjs', 'run', '--project', project],
  filesAgain: 3,
  reports: `${reports}/${name}.json`,
  env: { TEST_REPORT: `${reports}/${name}.json`, ...env },
});

/** What `npm test` runs, in this order. */
export const testStages: Stage[] = [
  {
    name: 'unit',
    what: 'pure specs, cached by nx',
    args: nx('run-many', '-t', 'test'),
    reports: `${reports}/@shop/*.json`,
    minutesAtMost: 5,
  },
  { name: 'int', what: 'specs with real servers', ...vitest('int'), minutesAtMost: 15 },
  { name: 'e2e', what: 'the whole shop, two instances of each service', ...vitest('e2e'), minutesAtMost: 10 },
];

const shopOn = (what: string, env: Record<string, string>): Stage => ({
  name: `e2e-${what}`,
  what: `the whole shop with ${what} in the place of its usual bus or outbox`,
  ...vitest('e2e', `e2e-${what}`, env),
  minutesAtMost: 15,
});

/** What `npm run check` runs at night as well (CI_LEVEL=nightly), and `npm test` when it is asked to. */
export const nightlyStages: Stage[] = [
  shopOn('rabbitmq', { BUS: 'rabbitmq' }),
  shopOn('sqs', { BUS: 'sqs' }),
  shopOn('kafkajs', { KAFKA_CLIENT: 'kafkajs' }),
  shopOn('wal', { OUTBOX_DRIVER: 'wal' }),
  {
    name: 'images',
    what: 'every image built and looked into; the shop of compose.yaml up, an order, down again',
    args: ['--import', './tools/ts.mjs', 'tools/images/command.ts', 'check'],
    reports: `${reports}/images.json`,
    env: { TEST_REPORT: `${reports}/images.json` },
    minutesAtMost: 25,
  },
  {
    name: 'load',
    what: 'the shop under a little load, held to its objectives',
    args: ['--import', './tools/ts.mjs', 'load-tests/load.ts', 'smoke'],
    minutesAtMost: 5,
  },
];

/** What `npm run check` runs after the tests. */
export const practiceStage: Stage = {
  name: 'practice',
  what: 'every experiment, quick: its effect is there, its page and the table of results are right',
  args: ['--import', './tools/ts.mjs', 'practices/cli.ts', 'check'],
  reports: `${reports}/practice.json`,
  env: { TEST_REPORT: `${reports}/practice.json` },
  minutesAtMost: 10,
};

/** What strangers try: tokens that nobody may take, every operation as everybody. */
export const securityStage: Stage = {
  name: 'security',
  what: 'every operation as everybody; forged, stolen and misused tokens at the gateway and at every service; Schemathesis on both versions',
  args: ['--import', './tools/ts.mjs', 'practices/security/cli.ts', 'check'],
  reports: `${reports}/security.json`,
  env: { TEST_REPORT: `${reports}/security.json` },
  minutesAtMost: process.env['CI_LEVEL'] === 'nightly' ? 50 : 6,
};

/** What operates it: tried where there is an API server to try it. */
export const manifestStage: Stage = {
  name: 'k8s',
  what: 'the manifests, each component and mistakes made on purpose, before a real API server with the operators’ definitions',
  args: ['--import', './tools/ts.mjs', 'infra/kubernetes/check.ts'],
  reports: `${reports}/k8s.json`,
  env: { TEST_REPORT: `${reports}/k8s.json` },
  minutesAtMost: 4,
};

/**
 * The last of `npm run check`: what is broken on purpose has to be noticed, and what must hold has to hold. At night
 * all faults, in full.
 */
export const faultStage: Stage = {
  name: 'fault',
  what: 'the product broken in one place after another, and everything killed in random order: the checker and the specs notice',
  args: ['--import', './tools/ts.mjs', 'practices/faults/cli.ts', 'check'],
  reports: `${reports}/fault.json`,
  // By the stages unit and int: a spec that is red anyway has failed there.
  env: { TEST_REPORT: `${reports}/fault.json`, SPECS_SEEN_GREEN: 'true' },
  minutesAtMost: process.env['CI_LEVEL'] === 'nightly' ? 120 : 15,
};

/** What `npm run check` runs before the tests. */
export const checkStages: Stage[] = [
  {
    name: 'generated',
    what: 'files made by a tool are up to date ("npm run generate" makes them so), and no message breaks for those who read it',
    args: ['--import', './tools/ts.mjs', 'tools/generate.ts', '--check'],
    minutesAtMost: 2,
  },
  {
    name: 'lint',
    what: 'Biome’s layout; ESLint, with the boundaries between projects and the purity of the core; actionlint, zizmor and kube-score',
    args: nx('run-many', '-t', 'lint', 'format', 'workflows'),
    minutesAtMost: 5,
  },
  { name: 'typecheck', what: 'tsc, strict', args: nx('run-many', '-t', 'typecheck'), minutesAtMost: 5 },
  { name: 'build', what: 'what images contain', args: nx('run-many', '-t', 'build'), minutesAtMost: 3 },
];
