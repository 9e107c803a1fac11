import swc from 'unplugin-swc';
import { defineConfig } from 'vitest/config';
import { swcOptions } from './tools/swc-options.mjs';

const conditions = ['source', 'node', 'import', 'module', 'default'];
const ignored = ['**/node_modules/**', '**/dist/**', '**/.state/**', '**/.nx/**'];

/** Three kinds of tests, told apart by the file's name: `--project unit`, `--project int`, `--project e2e`. */
export default defineConfig({
  plugins: [swc.vite({ ...swcOptions, tsconfigFile: false })],
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['{apps,libs}/*/src/**/*.spec.ts', '{infra,tools}/**/*.spec.ts'],
          exclude: [...ignored, '**/*.int.spec.ts', '**/*.e2e.spec.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'int',
          include: ['{apps,libs}/*/src/**/*.int.spec.ts', '{infra,tools}/**/*.int.spec.ts'],
        },
      },
    ],
  },
});
