import swc from 'unplugin-swc';
import { defineConfig } from 'vitest/config';
import { tidyThisProcess } from './infra/shell-environment.mjs';
import { swcOptions } from './tools/swc-options.mjs';
import { TestReporter } from './tools/test-report.ts';

// As tools/bootstrap.mjs does: the shell of the person who runs one file is no other than that of `npm test`.
tidyThisProcess();

const conditions = ['source', 'node'];
const specs = (suffix: string) => [
  `{apps,libs}/*/src/**/*${suffix}`,
  `{infra,load-tests,practices,tools}/**/*${suffix}`,
];
const servers = './tools/test-servers.ts';

/**
 * Three kinds of tests, told apart by the file's name: `vitest run --project unit`, `int` (real servers) and `e2e` (the
 * whole shop).
 */
export default defineConfig({
  plugins: [swc.vite({ ...swcOptions, tsconfigFile: false })],
  // Packages of this workspace offer their sources under the condition "source": to specs, and to the global setup.
  environments: { ssr: { resolve: { conditions } }, __vitest__: { resolve: { conditions } } },
  // graphql-js exists once in a process or not at all: the copy that Node loads for its users is not the one that Vite
  // would pick.
  resolve: { alias: [{ find: /^graphql$/, replacement: import.meta.resolve('graphql') }] },
  test: {
    reporters: ['default', new TestReporter()],
    allowOnly: !process.env['CI'],
    maxWorkers: 2,
    // Of tests that are marked as concurrent, which wait more than they work.
    maxConcurrency: 6,
    teardownTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          testTimeout: 60_000,
          include: specs('.spec.ts'),
          exclude: ['**/node_modules/**', ...specs('.int.spec.ts'), ...specs('.e2e.spec.ts')],
        },
      },
      {
        extends: true,
        test: {
          name: 'int',
          include: specs('.int.spec.ts'),
          globalSetup: servers,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: specs('.e2e.spec.ts'),
          globalSetup: servers,
          // A limit for what hangs, not for a busy machine.
          testTimeout: 300_000,
          hookTimeout: 300_000,
          // One shop at a time: each file starts all services.
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
