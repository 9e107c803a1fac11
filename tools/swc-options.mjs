/**
 * The one set of compiler options: development (tools/ts.mjs), tests (vitest.config.ts) and images (tools/build.mjs)
 * run the same JavaScript.
 * @type {import('@swc/core').Options}
 */
export const swcOptions = {
  jsc: {
    target: 'es2024',
    parser: { syntax: 'typescript', decorators: true },
    transform: { legacyDecorator: true, decoratorMetadata: true },
    keepClassNames: true,
  },
  module: { type: 'es6' },
  configFile: false,
  swcrc: false,
};
