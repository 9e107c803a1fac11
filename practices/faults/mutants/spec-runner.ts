/**
 * A process of its own in a copy of the tree, forked by scratch.ts: Vitest that stays, so that a mutant costs the run
 * of its spec and not a start. It takes a {@link Wish} by IPC and answers with a {@link Run}.
 */
import { relative, resolve } from 'node:path';
import { createVitest, type TestCase } from 'vitest/node';

/** What to run: spec files, from the root of the copy; and source files that are others than at the last run. */
export interface Wish {
  readonly files: readonly string[];
  readonly changed: readonly string[];
  /** Whether to end at the first sentence that turns red. */
  readonly untilRed: boolean;
}

/** What spec files came to: the sentences that turned red, or why it could not be told. */
export interface Run {
  readonly red: readonly string[];
  readonly green: number;
  readonly trouble?: string;
}

/** What is broken may never end: a hook that waits for it is not waited for. */
const HOOK_MS = 30_000;

const root = process.cwd();
let onRed = (): void => undefined;
let red: string[] = [];
const onTestCaseResult = (test: TestCase) => {
  if (test.result().state !== 'failed') return;
  red.push(test.fullName.replaceAll(' > ', ' '));
  onRed();
};
const vitest = await createVitest('test', {
  root,
  watch: false,
  project: ['unit', 'int'],
  hookTimeout: HOOK_MS,
  reporters: [{ onTestCaseResult }],
});
await vitest.standalone();

async function run({ files, changed, untilRed }: Wish): Promise<Run> {
  red = [];
  onRed = () => void (untilRed && vitest.cancelCurrentRun('test-failure'));
  for (const file of changed) vitest.invalidateFile(resolve(root, file));
  const specifications = await vitest.globTestSpecifications(files.map((file) => resolve(root, file)));
  const { testModules, unhandledErrors } = await vitest.runTestSpecifications(specifications);
  const green = testModules.flatMap((module) => [...module.children.allTests('passed')]).length;
  const broken = testModules.find(
    (module) => module.state() === 'failed' && [...module.children.allTests('failed')].length === 0,
  );
  const trouble =
    red.length > 0
      ? undefined
      : broken
        ? (broken.errors()[0]?.message ?? `${relative(root, broken.moduleId)} does not load`)
        : unhandledErrors.length > 0
          ? 'an error that no test caught'
          : undefined;
  return { red, green, ...(trouble !== undefined && { trouble }) };
}

process.on(
  'message',
  (wish: Wish) =>
    void run(wish).then(
      (outcome) => process.send?.(outcome),
      (error: Error) => process.send?.({ red: [], green: 0, trouble: error.message } satisfies Run),
    ),
);
process.on('disconnect', () => process.exit());
process.send?.('ready');
